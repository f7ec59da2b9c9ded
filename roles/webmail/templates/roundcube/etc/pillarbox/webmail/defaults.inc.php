<?php
// Roundcube looks for its defaults beside config.inc.php.
require '/etc/roundcube/defaults.inc.php';
