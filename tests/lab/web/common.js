// What the scripts here share; it is put before each of them.
const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const until = async condition => {
  let found;
  while (!(found = condition())) await new Promise(resolve => setTimeout(resolve, 100));
  return found;
};
const imap = () => MailServices.accounts.accounts.find(each => each.incomingServer.type == "imap");
// The account assistant.
const mainWindow = () => Services.wm.getMostRecentWindow("mail:3pane");
const hub = () => mainWindow().document.querySelector("account-hub-container")?.shadowRoot;
const assistant = () => until(() => hub()?.querySelector("account-hub-email"));
const step = async id => {
  const element = await assistant();
  return until(() => element.querySelector(`#${id}:not([hidden])`));
};
const enter = (view, id, text) => {
  const input = view.querySelector(id);
  input.value = text;
  input.dispatchEvent(new (mainWindow().Event)("input", { bubbles: true }));
};
const forward = async () => {
  const button = (await assistant()).querySelector("account-hub-footer #forward");
  await until(() => !button.disabled && !button.hidden);
  button.click();
};
