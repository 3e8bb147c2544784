// FlexisipKeyTable.swift: the settings of Flexisip 2.0.0 to 2.7 and flexisip-conference 1.0 and 1.1, as facts

/// One line for each section, then one for each of its keys: name, type, versions, `>` and the name that has taken its
/// place, default. Versions are `2.1.0..` (since), `..<2.6.0` (until), or both; without, all that have the section.
/// How the table was made, and how to make it for a new version, is in Resources/docs/flexisip-keys.md.
package enum FlexisipKeyTable {
  /// The releases that the table was made from; 2.6.0 and 2.7.0 of what was there of them in July 2026.
  package static let releases = [
    "2.0.0", "2.0.1", "2.0.2", "2.0.3", "2.0.4", "2.0.5", "2.0.6", "2.0.7", "2.0.8", "2.0.9", "2.1.0", "2.1.1",
    "2.1.2", "2.1.3", "2.1.4", "2.1.5", "2.1.6", "2.2.0", "2.2.1", "2.2.2", "2.2.3", "2.2.4", "2.2.5", "2.2.6",
    "2.3.0", "2.3.1", "2.3.2", "2.3.3", "2.3.4", "2.3.5", "2.4.0", "2.4.1", "2.4.2", "2.4.3", "2.4.4", "2.4.5",
    "2.5.0", "2.5.1", "2.5.2", "2.6.0", "2.7.0",
  ]
  package static let conferenceReleases = ["1.0.0", "1.1.0"]

  /// Of flexisip-conference, whose versions are its own, this is only `[conference-server]`; its other sections are
  /// those of the Flexisip that it was made with.
  package static let conferenceSection = "flexisip-conference"
  /// Keys that every module has. A module that has another default names the key again.
  static let anyModule = "module::*"

  static let text = """
    [module::*]
    enabled boolean true
    filter filter
    from-domains string >filter *
    to-domains string >filter *
    [b2bua-server] 2.2.0..
    application string trenscrypter
    audio-codec string 2.5.0..
    audio-port range 2.4.0.. 0
    data-directory string /var/opt/belledonne-communications/flexisip/b2b
    enable-ice boolean 2.5.0.. true
    enable-keepalive boolean 2.5.0.. true
    max-call-duration integer 2.3.3..<2.4.0 0
    max-call-duration seconds 2.4.0.. 0
    max-calls integer 2.5.0.. 500
    nat-addresses list 2.5.0..
    no-rtp-timeout integer 2.3.1..<2.4.0 30
    no-rtp-timeout seconds 2.4.0.. 30
    one-connection-per-account boolean 2.4.0.. false
    outbound-proxy string sip:127.0.0.1:5060;transport=tcp
    transport string sip:127.0.0.1:6067;transport=tcp
    user-agent string 2.3.3.. Flexisip-B2BUA/{version}
    video-codec string 2.3.3..
    video-port range 2.4.0.. 0
    [b2bua-server::sip-bridge] 2.2.0..
    providers string example-path.json
    [b2bua-server::trenscrypter] 2.2.0..
    outgoing-enc-regex list
    outgoing-srtp-regex list
    [cluster]
    cluster-domain string
    enabled boolean false
    internal-transport string
    nodes list
    [conference-server]
    audio-engine-mode string 2.5.0.. mixer
    audio-port range 2.4.0.. 0
    call-timeout seconds 2.4.0.. 0
    check-capabilities boolean true
    cleanup-expired-conferences boolean 2.6.0.. true
    conference-factory-uri string ..<2.6.0 >conference-factory-uris
    conference-factory-uris list 2.1.0..
    conference-focus-uris list 2.3.0..
    conferences-availability-before-start seconds 2.6.0.. 100y
    conferences-expiry-time seconds 2.6.0.. 30d
    database-backend string mysql
    database-connection-string string db='mydb' user='myuser' password='mypass' host='myhost.com'
    empty-chat-room-deletion boolean 2.2.1.. true
    enable-one-to-one-chat-room boolean true
    enabled boolean true
    encryption string 2.3.0.. none
    local-domains list 2.1.0..
    nat-addresses list 2.3.0..
    no-rtp-timeout seconds 2.6.0.. 30
    outbound-proxy string sip:127.0.0.1:5060;transport=tcp
    state-directory string 2.4.0.. /var/opt/belledonne-communications/lib/flexisip
    subscription-refresh-delay seconds 2.5.0.. 10min
    supported-media-types list 2.3.0.. text
    transport string sip:127.0.0.1:6064;transport=tcp
    video-engine-mode string 2.5.0.. semi-sfu
    video-port range 2.4.0.. 0
    [event-logs]
    database-backend string mysql
    database-connection-string string db='mydb' user='myuser' password='mypass' host='myhost.com'
    database-max-queue-size integer 100
    database-nb-threads-max integer 10
    dir string ..<2.6.0 >filesystem-directory /var/log/flexisip
    enabled boolean false
    filesystem-directory string /var/log/flexisip
    flexiapi-api-key string 2.3.4.. >global::flexiapi/api-key
    flexiapi-host string 2.3.0.. >global::flexiapi/url localhost
    flexiapi-port integer 2.3.0.. >global::flexiapi/url 443
    flexiapi-prefix string 2.3.0.. /api/stats/
    flexiapi-token string 2.3.0..<2.6.0 >flexiapi-api-key
    logger string filesystem
    [global]
    advanced-account-data string 2.6.0..
    aliases list ..<2.7.0 localhost
    aliases list 2.7.0..
    auto-respawn boolean true
    connection-establishment-timeout milliseconds 2.7.0.. 60s
    contextual-log-filter string
    contextual-log-level string debug
    default-servers list proxy
    dump-corefiles boolean false
    enable-snmp boolean false
    idle-timeout integer ..<2.4.0 3600
    idle-timeout seconds 2.4.0.. 3600
    keepalive-interval integer ..<2.4.0 1800
    keepalive-interval seconds 2.4.0.. 1800
    log-directory string /var/opt/belledonne-communications/log/flexisip
    log-filename string flexisip-{server}.log
    log-level string error
    max-log-size bytes ..<2.5.0 -1
    memory-usage-log-interval seconds 2.4.1.. 0
    plugins list
    plugins-dir string /opt/belledonne-communications/lib/flexisip/plugins
    proxy-to-proxy-keepalive-interval integer ..<2.4.0 0
    proxy-to-proxy-keepalive-interval seconds 2.4.0.. 0
    require-peer-certificate boolean false
    rtp-bind-address list 2.1.2.. 0.0.0.0 ::0
    show-body-for string 2.2.0.. content-type == 'application/sdp'
    sofia-level integer 2.4.0.. 5
    syslog-level string error
    tcp-max-read-size integer 2.3.5..<2.4.0 524288
    tcp-max-read-size integer 2.4.1.. 524288
    tls-certificates-ca-file string 2.2.0..
    tls-certificates-check-interval minutes 2.5.0.. 1
    tls-certificates-dir string ..<2.6.0 >tls-certificates-file /etc/flexisip/tls/
    tls-certificates-file string 2.2.0..<2.6.0
    tls-certificates-file string 2.6.0.. /etc/flexisip/tls/agent.pem
    tls-certificates-private-key string 2.2.0..<2.6.0
    tls-certificates-private-key string 2.6.0.. /etc/flexisip/tls/agent.pem
    tls-ciphers string HIGH:!SSLv2:!SSLv3:!TLSv1:!EXP:!ADH:!RC4:!3DES:!aNULL:!eNULL
    tport-message-queue-size integer 2.2.1.. 1000
    transaction-timeout integer ..<2.4.0 32000
    transaction-timeout milliseconds 2.4.0.. 32000
    transports list sip:*
    udp-mtu integer 1460
    unique-id string
    use-maddr boolean ..<2.5.0 false
    use-rfc2543-record-route boolean 2.2.1..<2.5.0 false
    user-errors-logs boolean false
    watchdog-notify-interval milliseconds 2.6.0.. 1s
    [global::flexiapi] 2.6.0..
    api-key string
    url string
    [inter-domain-connections]
    accept-domain-registrations boolean false
    assume-unique-domains boolean false
    domain-registrations string /etc/flexisip/domain-registrations.conf
    keepalive-interval integer ..<2.4.0 30
    keepalive-interval seconds 2.4.0.. 30
    ping-pong-timeout-delay integer 2.2.0..<2.4.0 0
    ping-pong-timeout-delay seconds 2.4.0.. 0
    reconnection-delay integer 2.2.0..<2.4.0 5
    reconnection-delay seconds 2.4.0.. 5
    reg-when-needed boolean false
    relay-reg-to-domains boolean 2.1.0.. false
    relay-reg-to-domains-regex string 2.1.0..
    verify-server-certs boolean true
    [mdns-register]
    enabled boolean false
    mdns-priority range 0
    mdns-ttl integer ..<2.4.0 3600
    mdns-ttl milliseconds 2.4.0.. 3600
    mdns-weight integer 100
    [monitor] ..<2.5.0
    enabled boolean false
    logfile string /etc/flexisip/flexisip_monitor.log
    password-salt string
    switch-port integer 12345
    test-interval integer ..<2.4.0 30
    test-interval seconds 2.4.0.. 30
    [presence-server]
    bypass-condition string false
    enabled boolean true
    expires integer ..<2.4.0 600
    expires seconds 2.4.0.. 600
    external-list-subscription-request string >rls-database-request
    last-activity-retention-time integer 2.3.3.. 86400000
    leak-detector boolean false
    long-term-enabled boolean false
    max-presence-elements integer 2.4.0.. 10
    max-thread integer >rls-database-max-thread 50
    max-thread-queue-size integer >rls-database-max-thread-queue-size 50
    notify-limit integer 200
    rls-database-connection string
    rls-database-max-thread integer 50
    rls-database-max-thread-queue-size integer 50
    rls-database-request string
    soci-connection-string string >rls-database-connection
    soci-user-with-phone-request string 2.1.0..
    soci-users-with-phones-request string 2.1.0..
    support-legacy-client boolean 2.6.0.. true
    transports list sip:127.0.0.1:5065;transport=tcp
    [regevent-server] 2.1.0..
    transport string sip:127.0.0.1:6065;transport=tcp
    [stun-server]
    bind-address string 0.0.0.0
    enabled boolean true
    port integer 3478
    [voicemail-server] 2.6.0..
    audio-port range 0
    beep-sound-path string /opt/belledonne-communications/share/flexisip/voicemail/beep.wav
    default-announcement-path string /opt/belledonne-communications/share/flexisip/voicemail/default-announce.wav
    enable-ice boolean true
    max-calls integer 1000
    max-voicemail-duration seconds 120s
    transport string sip:127.0.0.1:6066;transport=tcp
    voicemail-announcement-path string /opt/belledonne-communications/share/flexisip/voicemail/leave-a-message.wav
    voicemail-storage-path string /var/opt/belledonne-communications/tmp/flexisip
    [module::AuthOpenIDConnect] 2.5.0..
    audience string
    authorization-server string
    enabled boolean false
    jwks-refresh-delay minutes 15
    public-key-location string
    public-key-type string well-known
    realm string
    scope list
    sip-id-claim string
    well-known-refresh-delay minutes 1440
    [module::AuthTrustedHosts] 2.5.0..
    enabled boolean false
    trusted-hosts list
    [module::Authentication]
    auth-domains list localhost
    available-algorithms list MD5
    cache-expire integer ..<2.4.0 1800
    cache-expire seconds 2.4.0.. 1800
    datasource string >file-path
    db-implementation string file
    disable-qop-auth boolean false
    enable-test-accounts-creation boolean false
    enabled boolean false
    file-path string
    hashed-passwords boolean false
    new-auth-on-407 boolean false
    no-403 filter false
    nonce-expires integer ..<2.4.0 3600
    nonce-expires seconds 2.4.0.. 3600
    realm string 2.1.0..
    realm-regex string
    reject-wrong-client-certificates boolean false
    soci-backend string mysql
    soci-connection-string string db=mydb user=myuser password='mypass' host=myhost.com
    soci-max-queue-size integer 1000
    soci-password-request string ..<2.5.0 select password, 'MD5' from accounts where login = :id and domain = :domain
    soci-password-request string 2.5.0.. select password, algorithm from passwords where account_id = (select id \
    from accounts where username = :id and domain = :domain and activated = true)
    soci-poolsize integer 100
    soci-user-with-phone-request string ..<2.5.0 >presence-server/soci-user-with-phone-request
    soci-user-with-phone-request string 2.5.0.. >presence-server/soci-user-with-phone-request select username from \
    accounts where activated = true and (username = :phone or phone = :phone)
    soci-users-with-phones-request string ..<2.5.0 >presence-server/soci-users-with-phones-request
    soci-users-with-phones-request string 2.5.0.. >presence-server/soci-users-with-phones-request select username, \
    domain from accounts where activated = true and (username in (:phones) or phone in (:phones));
    tls-client-certificate-required-subject string
    trust-domain-certificates boolean false
    trusted-client-certificates list >tls-client-certificate-required-subject
    trusted-hosts list
    [module::Authorization] 2.5.0..
    account-manager-api-key string >global::flexiapi/api-key
    account-manager-host string >global::flexiapi/url
    account-manager-port string >global::flexiapi/url 443
    accounts-refresh-delay minutes 5
    auth-domains list localhost
    auth-domains-mode string 2.6.0.. legacy
    enabled boolean false
    [module::B2bua] 2.2.0..
    b2bua-server string sip:127.0.0.1:6067;transport=tcp
    enabled boolean false
    [module::Capabilities] 2.2.4..
    [module::ContactRouteInserter]
    enabled boolean false
    insert-domain boolean false
    masquerade-contacts-for-invites boolean false
    masquerade-contacts-on-registers boolean true
    [module::DateHandler]
    assign-date-command string
    enabled boolean false
    filter filter ..<2.4.0 is_request && request.method-name == 'REGISTER'
    filter filter 2.4.0..<2.6.0 i_request && request.method-name == 'REGISTER'
    filter filter 2.6.0.. is_request && request.method-name == 'REGISTER'
    [module::DoSProtection]
    ban-time integer ..<2.4.0 2
    ban-time minutes 2.4.0.. 2
    iptables-chain string FLEXISIP
    packet-rate-limit integer 20
    time-period integer ..<2.4.0 3000
    time-period milliseconds 2.4.0.. 3000
    white-list list 2.1.0..
    [module::ExternalAuthentication]
    auth-domains list localhost
    available-algorithms list MD5
    disable-qop-auth boolean false
    enabled boolean false
    no-403 filter false
    nonce-expires integer ..<2.4.0 3600
    nonce-expires seconds 2.4.0.. 3600
    realm string 2.1.0..
    realm-regex string
    remote-auth-uri string
    trusted-hosts list 2.2.0.. ${module::Authentication/trusted-hosts}
    [module::Forward]
    add-path boolean true
    default-transport string udp
    params-to-remove list pn-tok pn-type app-id pn-msg-str pn-call-str pn-call-snd pn-msg-snd pn-timeout pn-silent \
    pn-provider pn-prid pn-param
    rewrite-req-uri boolean ..<2.6.0 >routes-config-path false
    route string ..<2.6.0 >routes-config-path
    routes-config-path string 2.2.0..
    [module::GarbageIn]
    enabled boolean false
    filter filter false
    [module::GatewayAdapter]
    enabled boolean false
    forced-expire integer -1
    fork-to-gateway boolean true
    gateway string
    gateway-domain string
    register-on-gateway boolean true
    routing-param string routing-domain
    [module::JweAuth] ..<2.5.0
    aud-custom-header string X-token-aud
    jwe-custom-header string X-token-jwe
    jwks-dir string /etc/flexisip/jwk/
    oid-custom-header string X-token-oid
    req-act-custom-header string X-token-req_act
    [module::LoadBalancer]
    enabled boolean false
    routes list
    [module::MediaRelay]
    bye-orphan-dialogs boolean false
    drop-telephone-event boolean false
    early-media-relay-single boolean true
    force-public-ip-for-sdp-masquerading boolean false
    force-relay-for-non-ice-targets boolean true
    h264-decim-only-last-proxy boolean true
    h264-filtering-bandwidth integer 0
    h264-iframe-decim integer 1
    inactivity-period integer ..<2.4.0 3600
    inactivity-period seconds 2.4.0.. 3600
    max-calls integer 0
    max-early-media-per-call integer 0
    nortpproxy string nortpproxy
    prevent-loops boolean true
    sdp-port-range range 2.5.0.. 1024-65535
    sdp-port-range-max integer >sdp-port-range 65535
    sdp-port-range-min integer >sdp-port-range 1024
    [module::NatHelper]
    contact-correction-param string 2.4.0.. verified
    contact-verified-param string ..<2.4.0 >contact-correction-param verified
    contact-verified-param string 2.4.2.. >contact-correction-param verified
    fix-record-routes boolean false
    fix-record-routes-policy string safe
    flow-token-path string 2.4.0.. /var/opt/belledonne-communications/lib/flexisip/flow-token-hash-key
    force-flow-token filter 2.4.0.. user-agent contains 'Linphone'
    nat-traversal-strategy string 2.4.0.. contact-correction
    [module::Presence]
    check-domain-in-presence-results boolean false
    enabled boolean false
    filter filter is_request && (request.method-name == 'PUBLISH' || request.method-name == 'NOTIFY' || \
    request.method-name == 'SUBSCRIBE')
    only-list-subscription filter false
    presence-server string sip:127.0.0.1:5065;transport=tcp
    [module::PushNotification]
    add-to-tag-filter string 2.2.0..
    apns-dev-server string 2.5.0.. api.sandbox.push.apple.com
    apns-server string 2.5.0.. api.push.apple.com
    apple boolean true
    apple-certificate-dir string /etc/flexisip/apn
    apple-force-pn-type string 2.0.5..<2.1.0
    call-remote-push-interval integer 2.2.0..<2.4.0 0
    call-remote-push-interval seconds 2.4.0.. 0
    display-from-uri boolean false
    enable-message-summaries-pn boolean 2.5.0.. true
    enabled boolean false
    external-push-flexiapi boolean 2.6.0.. false
    external-push-method string GET
    external-push-protocol string 2.3.3.. http2
    external-push-uri string
    firebase boolean true
    firebase-default-refresh-interval integer 2.3.3..<2.4.3 60
    firebase-default-refresh-interval seconds 2.4.3.. 60
    firebase-projects-api-keys list >firebase-service-accounts
    firebase-service-accounts list 2.3.3..
    firebase-token-expiration-anticipation-time integer 2.3.3..<2.4.3 300
    firebase-token-expiration-anticipation-time seconds 2.4.3.. 300
    google boolean ..<2.6.0 >firebase true
    google-projects-api-keys list ..<2.6.0
    https-proxy-host string 2.6.0..
    https-proxy-password string 2.6.0..
    https-proxy-port integer 2.6.0.. 3128
    https-proxy-username string 2.6.0..
    max-queue-size integer 100
    message-time-to-live integer ..<2.4.0 0
    message-time-to-live seconds 2.4.0.. 0
    no-badge boolean false
    register-wakeup-interval integer 2.2.0..<2.4.0 0
    register-wakeup-interval minutes 2.4.0.. 0
    register-wakeup-threshold integer 2.2.4.. 50
    retransmission-count integer 0
    retransmission-interval integer ..<2.4.0 5
    retransmission-interval seconds 2.4.0.. 5
    time-to-live integer ..<2.4.0 >message-time-to-live 2592000
    time-to-live seconds 2.4.0..<2.6.0 >message-time-to-live 2592000
    timeout integer ..<2.4.0 0
    timeout seconds 2.4.0.. 0
    windowsphone boolean ..<2.6.0 true
    windowsphone-application-secret string ..<2.6.0
    windowsphone-package-sid string ..<2.6.0
    [module::Redirect]
    contact string
    enabled boolean false
    [module::RegEvent] 2.1.0..
    enabled boolean false
    regevent-server string sip:127.0.0.1:6065;transport=tcp
    [module::Registrar]
    db-implementation string internal
    default-expires milliseconds 2.4.2.. 10min
    enable-gruu boolean 2.1.0.. true
    force-expires integer ..<2.4.2 -1
    force-expires seconds 2.4.2.. 0
    max-contacts-by-aor integer 12
    max-contacts-per-registration integer 2.3.4..<2.4.0 1
    max-contacts-per-registration integer 2.4.0.. 12
    max-expires integer ..<2.4.0 86400
    max-expires seconds 2.4.0.. 86400
    message-expires-param-name string message-expires
    min-expires integer ..<2.4.0 60
    min-expires seconds 2.4.0.. 60
    name-message-expires string ..<2.5.0 >message-expires-param-name message-expires
    redis-auth-password string
    redis-auth-user string 2.3.0..
    redis-connection string 2.6.0.. tcp
    redis-record-serializer string ..<2.4.0 protobuf
    redis-server-domain string localhost
    redis-server-port integer 6379
    redis-server-timeout integer ..<2.4.0 1500
    redis-server-timeout milliseconds 2.4.0.. 1500
    redis-slave-check-period integer ..<2.4.0 60
    redis-slave-check-period seconds 2.4.0.. 60
    redis-subscription-keep-alive-check-period seconds 2.4.0.. 60
    redis-tls-cafile string 2.6.0..
    redis-tls-certificate string 2.6.0..
    redis-tls-key string 2.6.0..
    redis-use-slaves-as-backup boolean 2.1.0.. true
    reg-domains list localhost
    reg-on-response boolean false
    register-expire-randomizer-max integer 0
    service-route string
    static-records-file string
    static-records-timeout integer ..<2.4.0 600
    static-records-timeout seconds 2.4.0.. 600
    unique-id-parameters list +sip.instance pn-tok line
    [module::Router]
    allow-target-factorization boolean false
    call-fork-current-branches-timeout integer ..<2.4.0 10
    call-fork-current-branches-timeout seconds 2.4.0.. 10
    call-fork-timeout integer ..<2.4.0 90
    call-fork-timeout seconds 2.4.0.. 90
    call-fork-urgent-timeout integer ..<2.4.0 5
    call-fork-urgent-timeout seconds 2.4.0.. 5
    call-push-response-timeout integer ..<2.4.0 0
    call-push-response-timeout seconds 2.4.0..<2.6.0 0
    enable-call-diversions boolean 2.6.0.. false
    fallback-route string
    fallback-route-filter filter 2.0.8.. true
    fork boolean ..<2.6.0 true
    fork-late boolean false
    fork-no-global-decline boolean false
    forwarding-status-codes list 2.6.0.. 408 486 603
    generate-contact-even-on-filled-aor boolean ..<2.6.0 false
    generated-contact-expected-realm string ..<2.6.0
    generated-contact-route string ..<2.6.0
    max-call-diversions integer 2.6.0.. 10
    max-request-retention-time integer 2.2.1..<2.4.0 30
    max-request-retention-time seconds 2.4.0.. 30
    message-accept-timeout integer ..<2.4.0 5
    message-accept-timeout seconds 2.4.0.. 5
    message-database-backend string 2.2.0.. mysql
    message-database-connection-string string 2.2.0.. db='mydb' user='myuser' password='mypass' host='myhost.com'
    message-database-enabled boolean 2.2.0.. false
    message-database-pool-size integer 2.3.3.. 100
    message-delivery-timeout integer ..<2.4.0 604800
    message-delivery-timeout seconds 2.4.0.. 604800
    message-fork-late boolean true
    no-contact-for-aor-return-code integer 2.5.3..<2.6.0 404
    parent-domain-fallback boolean false
    permit-self-generated-provisional-response boolean true
    preroute string ..<2.6.0
    resolve-routes boolean false
    stateful boolean ..<2.6.0 true
    static-targets list 2.4.0..
    treat-all-as-urgent boolean false
    treat-decline-as-urgent boolean false
    use-global-domain boolean false
    voicemail-server string 2.6.0..
    [module::SanityChecker]
    [module::StatisticsCollector]
    collector-address string
    enabled boolean false
    filter filter is_request && request.method-name == 'PUBLISH'
    [module::Transcoder]
    audio-codecs list speex/8000 amr/8000 iLBC/8000 gsm/8000 pcmu/8000 pcma/8000 telephone-event/8000
    block-retransmissions boolean false
    enabled boolean false
    jb-nom-size integer ..<2.4.0 0
    jb-nom-size milliseconds 2.4.0.. 0
    rc-user-agents list
    remove-bw-limits boolean false
    [flexisip-conference]
    audio-engine-mode string mixer
    audio-port range 0
    call-timeout seconds 0
    check-capabilities boolean true
    cleanup-expired-conferences boolean true
    conference-factory-uris list
    conference-focus-uris list
    conferences-availability-before-start seconds 100y
    conferences-expiry-time seconds 30d
    database-backend string mysql
    database-connection-string string db='mydb' user='myuser' password='mypass' host='myhost.com'
    empty-chat-room-deletion boolean true
    enabled boolean true
    encryption string none
    local-domains list
    nat-addresses list
    no-rtp-timeout seconds 30
    outbound-proxy string sip:127.0.0.1:5060;transport=tcp
    state-directory string /var/opt/belledonne-communications/flexisip-conference/lib
    subscription-refresh-delay seconds 10min
    supported-audio-codecs list 1.1.0.. opus speex pcmu pcma
    supported-media-types list text
    supported-video-codec string 1.1.0.. vp8
    transport string sip:127.0.0.1:6064;transport=tcp
    video-engine-mode string semi-sfu
    video-port range 0
    """
}
