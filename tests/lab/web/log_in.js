// Accepts these settings, and enters the password. Thunderbird logs in before it adds the account.
const [password, done] = arguments;
(async () => {
  await forward();
  enter(await step("emailPasswordSubview"), "#password", password);
  await forward();
  const { incomingServer, defaultIdentity } = await until(imap);
  const outgoingServer = MailServices.outgoingServer.getServerByIdentity(defaultIdentity);
  return { logins: [incomingServer.username, outgoingServer.username], sender: defaultIdentity.fullAddress };
})().then(done, error => done({ error: `${error} ${error.stack}` }));
