require ["copy", "environment", "imapsieve", "vnd.dovecot.pipe"];

# Mail that a user moves out of Junk is ham, unless it is moved to Trash.
if not environment :is "imap.mailbox" ["Junk", "Trash"] {
  pipe :copy "learn-ham";
}
