// Sets up an account as Thunderbird's account assistant does, which has only the address and the password.
const [address, password, done] = arguments;
const load = name => ChromeUtils.importESModule(`resource:///modules/accountcreation/${name}.sys.mjs`);
const brief = ({ type, hostname, port, username }) => ({ type, hostname, port, username });
(async () => {
  const { signal } = new AbortController();
  const search = load("FindConfig").FindConfig.parallelAutoDiscovery(address.split("@")[1], address, signal);
  const { value: config } = await search.next();
  load("AccountConfig").AccountConfig.replaceVariables(config, "Alice", address, password);
  config.incoming.password = config.outgoing.password = password;
  // Logs in. "false": only as it was told to.
  const { ConfigVerifier } = load("ConfigVerifier");
  const verified = await new ConfigVerifier(null, signal).verifyConfig(config, false);
  await load("CreateInBackend").CreateInBackend.createAccountInBackend(verified);
  return { source: config.subSource, incoming: brief(config.incoming), outgoing: brief(config.outgoing) };
})().then(done, error => done({ error: `${error} ${error.stack}` }));
