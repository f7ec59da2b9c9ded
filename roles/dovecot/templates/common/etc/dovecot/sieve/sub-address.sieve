require ["envelope", "fileinto", "mailbox", "subaddress", "variables"];

# user+folder@ (RFC 5233) is filed into that folder if the user has it, but for those with a use of their own: a
# stranger's mail in Sent or Drafts would deceive.
if allof (
  envelope :detail :matches "to" "?*",
  not envelope :detail :is "to" ["Archive", "Drafts", "Junk", "Sent", "Trash"]
) {
  set "folder" "${1}${2}";
  if mailboxexists "${folder}" {
    fileinto "${folder}";
  }
}
