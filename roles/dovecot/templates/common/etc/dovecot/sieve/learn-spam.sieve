require ["copy", "imapsieve", "vnd.dovecot.pipe"];

# Mail that a user moves into Junk is spam.
pipe :copy "learn-spam";
