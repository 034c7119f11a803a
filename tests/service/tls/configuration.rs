//! What is wrong with the files is told at the start, with the setting that names them.

use super::super::support::run;
use super::certificates::Authority;

#[test]
fn each_mistake_has_one_clear_message_and_ends_with_2() {
    let authority = Authority::new("issuer");
    let pair = authority.issue("one", "/CN=one", "DNS:localhost", 30);
    let other = authority.issue("two", "/CN=two", "DNS:localhost", 30);
    let (certificate, key) =
        (("SERVER__TLS_CERTIFICATE", &*pair.certificate), ("SERVER__TLS_KEY", &*pair.key));
    let management = ("SERVER__MANAGEMENT_PORT", "0");
    let nonsense = authority.folder.file("nonsense.pem", "no PEM at all");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = authority.folder.file("broken.pem", broken);
    for (settings, expected) in [
        (
            vec![certificate],
            "server.tls_certificate (environment SERVER__TLS_CERTIFICATE): needs its key too",
        ),
        (vec![key], "server.tls_key (environment SERVER__TLS_KEY): needs its certificate too"),
        (
            vec![("SERVER__TLS_CERTIFICATE", "/no/such/file"), key],
            "cannot read /no/such/file: No such file",
        ),
        (
            vec![certificate, ("SERVER__TLS_KEY", "/no/such/file")],
            "server.tls_key (environment SERVER__TLS_KEY): cannot read",
        ),
        (
            vec![("SERVER__TLS_CERTIFICATE", &*nonsense), key],
            "the file holds no certificate in PEM",
        ),
        (
            vec![("SERVER__TLS_CERTIFICATE", &*broken), key],
            "the first certificate in the file is none of X.509",
        ),
        (
            vec![certificate, ("SERVER__TLS_KEY", &*nonsense)],
            "the file holds no private key in PEM",
        ),
        (
            vec![certificate, ("SERVER__TLS_KEY", &*other.key)],
            "the key does not fit the certificate",
        ),
        (
            vec![certificate, key, management, ("SERVER__TLS_CLIENT_CA", "/no/such/file")],
            "server.tls_client_ca (environment SERVER__TLS_CLIENT_CA): cannot read",
        ),
        (
            vec![certificate, key, management, ("SERVER__TLS_CLIENT_CA", &*nonsense)],
            "the file holds no certificate in PEM",
        ),
        (
            vec![certificate, key, ("SERVER__TLS_CLIENT_CA", &*authority.certificate)],
            "needs server.management_port",
        ),
        (
            vec![management, ("SERVER__TLS_CLIENT_CA", &*authority.certificate)],
            "without them the server speaks no TLS",
        ),
    ] {
        for arguments in [&[][..], &["config", "--check"]] {
            let output = run(arguments, &settings);
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{expected}: {told}");
            assert!(
                told.contains(expected) && told.contains("1 mistake"),
                "{expected:?} is not in: {told}"
            );
        }
    }
    assert_eq!(run(&["config", "--check"], &[certificate, key]).status.code(), Some(0));
}
