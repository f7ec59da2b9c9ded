require ["envelope", "fileinto", "mailbox", "subaddress", "variables"];

# Mail to user+folder@ (RFC 5233) is filed into that folder if it exists, except folders with a special use: foreign
# mail in Sent or Drafts would mislead.
if allof (
  envelope :detail :matches "to" "?*",
  not envelope :detail :is "to" ["Archive", "Drafts", "Junk", "Sent", "Trash"]
) {
  set "folder" "${1}${2}";
  if mailboxexists "${folder}" {
    fileinto "${folder}";
  }
}
