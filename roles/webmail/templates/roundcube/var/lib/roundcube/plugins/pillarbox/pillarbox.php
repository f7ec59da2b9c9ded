<?php

/**
 * Tell Dovecot the client's address, keep identities to addresses that the account may send as, and make Elastic
 * accessible.
 */
class pillarbox extends rcube_plugin
{
    // Everybody's mail to these goes to the postmaster, who may add an identity for them.
    private const ROLES = ['abuse', 'hostmaster', 'postmaster', 'root'];

    public function init()
    {
        $this->add_texts('localization/');
        if (rcmail::get_instance()->output instanceof rcmail_output_html) {
            rcmail::get_instance()->output->add_label('body', 'delete', 'moreactions');
            $this->include_script('accessible.js');
            $this->include_stylesheet('accessible.css');
        }
        $this->add_hook('authenticate', [$this, 'authenticate']);
        $this->add_hook('storage_connect', [$this, 'storage_connect']);
        $this->add_hook('user2email', [$this, 'user2email']);
        $this->add_hook('identity_create', [$this, 'identity_save']);
        $this->add_hook('identity_update', [$this, 'identity_save']);
    }

    /** Logins only by the URLs whose requests nginx limits. Roundcube would also take the task from the form. */
    public function authenticate($args)
    {
        $args['abort'] = !in_array($_SERVER['QUERY_STRING'] ?? '', ['', '_task=login'], true);

        return $args;
    }

    /** Before the login. Dovecot believes it from this host only (login_trusted_networks). */
    public function storage_connect($args)
    {
        $args['preauth_ident'] = ['x-originating-ip' => $_SERVER['REMOTE_ADDR']];

        return $args;
    }

    /** At the first login, an identity for each address, the account's own first. */
    public function user2email($args)
    {
        $account = $this->account($args['user']);
        $addresses = array_filter($this->senders($account), function ($address) {
            return !in_array(strstr($address, '@', true), ['', ...self::ROLES]);
        });
        $addresses = array_values(array_unique([$account, ...$addresses]));
        $args['email'] = $args['first'] ? $addresses[0] : $addresses;

        return $args;
    }

    /** What Postfix would refuse (smtpd_sender_login_maps) should not look as if it worked. */
    public function identity_save($args)
    {
        // Those of the first login come from user2email(), and would have the login as their name.
        if (!empty($args['login'])) {
            $args['record']['name'] = '';
            return $args;
        }
        $address = strtolower($args['record']['email'] ?? '');
        $delimiters = preg_quote(rcmail::get_instance()->config->get('pillarbox_delimiters'), '/');
        $main = $delimiters ? preg_replace("/[$delimiters][^@]*/", '', $address) : $address;
        $senders = $this->senders($this->account(rcmail::get_instance()->get_user_name()));
        if (!array_intersect([$address, $main, strstr($address, '@')], $senders)) {
            $args['abort'] = true;
            $args['result'] = false;
            $args['message'] = $this->gettext('notyours');
        }

        return $args;
    }

    /** The account of a login, which for a device has the device's name after a plus. */
    private function account($login)
    {
        return preg_replace('/\+[^@]*/', '', strtolower($login));
    }

    /** The addresses that an account may send as; @domain is any address in it. */
    private function senders($account)
    {
        $found = [];
        foreach (file(rcmail::get_instance()->config->get('pillarbox_senders')) as $line) {
            $accounts = explode(' ', trim($line));
            $sender = array_shift($accounts);
            if (in_array($account, $accounts, true)) {
                $found[] = $sender;
            }
        }

        return $found;
    }
}
