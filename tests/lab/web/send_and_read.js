// Sends a message to a recipient and to the account itself, and waits for it in the inbox.
const [recipient, subject, done] = arguments;
(async () => {
  const account = imap();
  const root = account.incomingServer.rootFolder;
  account.incomingServer.performExpand(null);
  await until(() => root.getFolderWithFlags(Ci.nsMsgFolderFlags.SentMail));
  const identity = account.defaultIdentity;
  const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
  Object.assign(fields, { from: identity.fullAddress, to: `${recipient}, ${identity.email}`, subject, body: "From Thunderbird.\r\n" });
  const parameters = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
  Object.assign(parameters, { composeFields: fields, identity, type: Ci.nsIMsgCompType.New, format: Ci.nsIMsgCompFormat.PlainText });
  let status;
  const compose = MailServices.compose.initCompose(parameters);
  compose.addMsgSendListener({
    onStartSending() {}, onProgress() {}, onStatus() {}, onSendProgress() {}, onSendNotPerformed() {},
    onTransportSecurityError() {}, onGetDraftFolderURI() {}, onStopCopy() {},
    onStopSending(_id, result) { status = result; },
  });
  const progress = Cc["@mozilla.org/messenger/progress;1"].createInstance(Ci.nsIMsgProgress);
  compose.sendMsg(Ci.nsIMsgCompDeliverMode.Now, identity, account.key, null, progress);
  await until(() => status !== undefined);
  const inbox = root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
  const read = await until(() => {
    inbox.updateFolder(null);
    return [...inbox.messages].find(each => each.mime2DecodedSubject == subject)?.mime2DecodedAuthor;
  });
  const names = [...root.descendants].map(folder => folder.name);
  return { status, read, folders: names };
})().then(done, error => done({ error: `${error} ${error.stack}` }));
