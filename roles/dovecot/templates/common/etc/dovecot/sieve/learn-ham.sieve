require ["copy", "environment", "imapsieve", "vnd.dovecot.pipe"];

# Who takes mail out of Junk says that it is none, but for throwing it away.
if not environment :is "imap.mailbox" ["Junk", "Trash"] {
  pipe :copy "learn-ham";
}
