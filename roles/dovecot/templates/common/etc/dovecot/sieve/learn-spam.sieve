require ["copy", "imapsieve", "vnd.dovecot.pipe"];

# Who puts mail into Junk says that it is spam.
pipe :copy "learn-spam";
