#!/bin/bash
# Runs on peer. Every second, checks that the key that port 25 serves for each algorithm is in the TLSA records that
# this host's validating resolver returns, cached or not. Checks the other ports every fifth second, and sends a mail
# to alice every other second.

mx=mx.example.org
declare -A sigalgs=([ecdsa]=ECDSA+SHA256 [rsa]=RSA-PSS+SHA256)

sample() {
    local port algorithm starttls records served
    for port; do
        [[ $port == 465 || $port == 993 || $port == 443 ]] && starttls='' || starttls="-starttls smtp -name client.example.net"
        records=$(dig +tries=1 +time=2 "_$port._tcp.$mx" TLSA)
        for algorithm in ecdsa rsa; do
            # shellcheck disable=SC2086
            served=$(openssl s_client -connect $mx:$port $starttls -tls1_2 -sigalgs ${sigalgs[$algorithm]} \
                </dev/null 2>/dev/null | openssl x509 -noout -pubkey 2>/dev/null |
                openssl pkey -pubin -outform DER 2>/dev/null | sha256sum | cut -d' ' -f1)
            if ! grep -q 'flags:[^;]* ad' <<<"$records"; then
                echo "BAD $port $algorithm: no validated TLSA records: $records"
            elif ! tr -d ' \t' <<<"$records" | grep -qi "311$served"; then
                echo "BAD $port $algorithm: $served is not in $records"
            else
                echo "good $port $algorithm $served"
            fi
        done
    done
}

count=0
while sleep 1; do
    ports=(25)
    ((++count % 5)) || ports+=(443 465 587 993)
    sample "${ports[@]}" >>/var/log/watch
    if ((count % 2)); then
        printf 'From: bob@example.net\nTo: alice@example.org\nSubject: watch %d\nMessage-ID: <watch-%d@example.net>\n\nHello.\n' \
            $count $count | sendmail -f bob@example.net alice@example.org
    fi
done
