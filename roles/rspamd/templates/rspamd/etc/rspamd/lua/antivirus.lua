-- ClamAV scans each message as a whole, including nested parts. Rspamd's antivirus module is not used, because it
-- reports nothing when a scan times out or clamd returns an error, so such a message would pass.
local rspamd_logger = require "rspamd_logger"
local rspamd_util = require "rspamd_util"
local tcp = require "rspamd_tcp"

rspamd_config:register_symbol{
  name = "VIRUS",
  type = "normal",
  callback = function(task)
    local content = task:get_content()
    -- clamd(8), INSTREAM: chunks preceded by their lengths, ending with an empty one.
    local sent = tcp.request{
      task = task,
      host = "/run/clamav/clamd.ctl",
      timeout = 30,
      stop_pattern = "\0",
      data = {"zINSTREAM\0", rspamd_util.pack(">I4", #content), content, rspamd_util.pack(">I4", 0)},
      callback = function(err, answer)
        answer = tostring(err or answer)
        local virus = answer:match("^stream: (.+) FOUND")
        if virus then
          task:insert_result("VIRUS", 1.0, virus)
          task:set_pre_result("reject", "A virus was found: " .. virus)
        elseif answer:find("^stream: OK") then
          task:cache_set("virus_scan", "done")
        else
          rspamd_logger.errx(task, "clamd: %s", answer)
        end
      end,
    }
    if not sent then
      rspamd_logger.errx(task, "clamd: no connection")
    end
  end,
}

rspamd_config:register_symbol{
  name = "UNSCANNED",
  type = "postfilter",
  -- Before all other postfilters, such as SENDER_PERMITTED.
  priority = -1,
  callback = function(task)
    if not task:has_pre_result() and task:cache_get("virus_scan") ~= "done" then
      task:set_pre_result("soft reject", "This mail cannot be scanned for viruses now, try again later")
    end
  end,
}
