-- Here, as Rspamd 3.4 reads nothing in lua.local.d.

-- Postfix ties the envelope's sender to the login; this ties what the reader sees as the sender.
-- The milter would sign it, for DMARC to vouch for (RFC 6409 section 6.1 allows to refuse it).
local rspamd_logger = require "rspamd_logger"

local logins = rspamd_config:add_map{
  type = "hash",
  url = "/etc/rspamd/local.d/maps.d/sender_logins.map",
  description = "Which login may use an address in From:",
}

rspamd_config:register_symbol{
  name = "SUBMISSION_FORGED_FROM",
  type = "prefilter",
  callback = function(task)
    local user = task:get_user()
    if not user then
      return
    end
    for _, from in ipairs(task:get_from("mime") or {}) do
      local address = string.lower(from.user:gsub("%+.*", "") .. "@" .. from.domain)
      if not logins or logins:get_key(address) ~= string.lower(user) then
        rspamd_logger.infox(task, "%s may not write as %s", user, address)
        task:set_pre_result("reject", "5.7.1 From: is not an address of your login")
        return
      end
    end
  end,
}
