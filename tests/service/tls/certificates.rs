//! Certificates that openssl makes, in a folder that is gone after the test.

use std::process::Command;

use super::super::support::peers::Folder;

/// Someone who issues certificates.
pub struct Authority {
    pub folder: Folder,
    /// The file of its own certificate.
    pub certificate: String,
    key: String,
}

/// The files of a certificate and its key.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

const CURVE: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

impl Authority {
    pub fn new(name: &str) -> Self {
        let folder = Folder::new();
        let path = |file: &str| folder.0.join(file).display().to_string();
        let (certificate, key) = (path("ca.pem"), path("ca.key"));
        let subject = format!("/CN={name}");
        let words = ["req", "-x509", "-subj", &subject, "-days", "30"];
        openssl(&[&words[..], &CURVE, &["-keyout", &key, "-out", &certificate]].concat());
        Self { folder, certificate, key }
    }

    /// Issues a certificate for so many days; with none of them left it has expired.
    pub fn issue(&self, file: &str, subject: &str, names: &str, days: i32) -> Pair {
        let path = |end: &str| self.folder.0.join(format!("{file}.{end}")).display().to_string();
        let (request, certificate, key) = (path("csr"), path("pem"), path("key"));
        let names = format!("subjectAltName={names}");
        let words = ["req", "-subj", subject, "-addext", &names];
        openssl(&[&words[..], &CURVE, &["-keyout", &key, "-out", &request]].concat());
        let days = days.to_string();
        openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &self.certificate,
            "-CAkey",
            &self.key,
            "-copy_extensions",
            "copy",
            "-days",
            &days,
            "-out",
            &certificate,
        ]);
        Pair { certificate, key }
    }
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
