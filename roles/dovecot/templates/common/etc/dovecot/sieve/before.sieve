require ["fileinto", "mailbox"];

# Rspamd's milter sets this header; a forged one only gets mail into Junk.
if header :is "X-Spam" "Yes" {
  fileinto :create "Junk";
  stop;
}
