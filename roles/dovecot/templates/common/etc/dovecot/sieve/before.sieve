require ["fileinto", "mailbox"];

# Rspamd's milter sets the header; a sender who forges it only reaches Junk.
if header :is "X-Spam" "Yes" {
  fileinto :create "Junk";
  stop;
}
