// Enters a name and an address into Thunderbird's account assistant, and tells which settings it shows.
const [name, address, done] = arguments;
(async () => {
  await until(() => mainWindow()?.openAccountHub);
  await mainWindow().openAccountHub("MAIL");
  const start = await step("emailAutoConfigSubview");
  enter(start, "#realName", name);
  enter(start, "#email", address);
  await forward();
  const found = await step("emailConfigFoundSubview");
  const text = id => found.querySelector(id).textContent;
  return {
    incoming: `${text("#incomingHost")}:${text("#incomingPort")}`,
    outgoing: `${text("#outgoingHost")}:${text("#outgoingPort")}`,
  };
})().then(done, error => done({ error: `${error} ${error.stack}` }));
