//! Files that an operator names. The name may be wrong: what stands there may have no end, or never
//! answer, and the start must not hang on it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a read may take at the start. A mount that is there answers sooner.
const WITHIN: Duration = Duration::from_secs(2);

/// The bytes of a file, of which it may have so many.
pub(super) fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        let reason = format!("it is larger than {} KiB", most / 1024);
        return Err(io::Error::new(ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

/// The same of a regular file: a pipe or a device is surely the wrong one.
pub(crate) fn read_regular(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    read(path, most)
}

/// What such a read comes to within two seconds. One that does not end is left behind, with its
/// thread: nothing else can be done about it.
pub(crate) fn in_time(
    path: &Path,
    most: usize,
    read: fn(&Path, usize) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let own = path.to_owned();
    thread::Builder::new().spawn(move || {
        let _ = sender.send(read(&own, most));
    })?;
    let late = || io::Error::new(ErrorKind::TimedOut, "it does not answer within 2 s");
    receiver.recv_timeout(WITHIN).unwrap_or_else(|_| Err(late()))
}

/// A text without the byte order mark that some editors put at its head.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_so_many_bytes_or_is_refused() {
        let path = std::env::temp_dir().join(format!("pcf-api-file-{}", std::process::id()));
        fs::write(&path, [b'x'; 2048]).unwrap();
        assert_eq!(in_time(&path, 2048, read_regular).unwrap().len(), 2048);
        let error = in_time(&path, 2047, read).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 1 KiB");
        fs::remove_file(&path).unwrap();
        assert_eq!(in_time(&path, 9, read).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn what_has_no_end_is_read_up_to_the_bound_and_what_is_no_file_not_at_all() {
        let endless = Path::new("/dev/zero");
        assert_eq!(in_time(endless, 4096, read).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let error = in_time(endless, 4096, read_regular).unwrap_err();
        assert_eq!(error.to_string(), "it is not a regular file");
    }

    #[test]
    fn what_never_answers_is_given_up() {
        fn hangs(path: &Path, most: usize) -> io::Result<Vec<u8>> {
            thread::sleep(Duration::from_secs(3600));
            read(path, most)
        }
        let error = in_time(Path::new("/"), 1, hangs).unwrap_err();
        assert_eq!(error.to_string(), "it does not answer within 2 s");
    }
}
