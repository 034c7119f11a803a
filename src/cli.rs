//! The command line: which command, and the flags that are settings.

use std::ffi::OsString;
use std::fmt::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use crate::identity::{Identity, TARGET};
use crate::settings::{self, HOUR, Sources, Table, Value};

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Serve,
    Healthcheck(HealthcheckOptions),
    Config { is_check: bool },
    Help,
    Version,
}

/// The options of `healthcheck`.
#[derive(Debug)]
pub(crate) struct HealthcheckOptions {
    /// Ask for liveness in place of readiness.
    pub(crate) is_live: bool,
    /// Ask this in place of the configured address.
    pub(crate) url: Option<String>,
    /// For the whole exchange.
    pub(crate) timeout: Duration,
    pub(crate) output: Output,
}

/// What `healthcheck` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Words,
    Nothing,
    Json,
}

/// The command line, taken apart.
#[derive(Debug)]
pub(crate) struct Cli {
    pub(crate) command: Command,
    file: Option<PathBuf>,
    settings: Vec<(String, String)>,
}

/// The command line cannot be understood.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// SECURITY: lexopt's own words repeat what was written, and that may be a password: a URL that lost
/// its flag, or a value that was cut in two at a space. Only an option's name is repeated.
impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> Self {
        use lexopt::Error::{
            Custom, MissingValue, NonUnicodeValue, ParsingFailed, UnexpectedArgument,
            UnexpectedOption, UnexpectedValue,
        };
        Self(match error {
            MissingValue { option } => {
                format!("{} needs a value", option.as_deref().map_or("an option", shown))
            }
            UnexpectedOption(option) => format!(
                "there is no option {} here; a setting is written --server.port=9000",
                shown(&option)
            ),
            UnexpectedValue { option, .. } => format!("{} takes no value", shown(&option)),
            UnexpectedArgument(_) => "there is a word too many after the command; a value stands \
                                      behind its flag, and one with spaces in quotes"
                .to_owned(),
            NonUnicodeValue(_) | ParsingFailed { .. } | Custom(_) => {
                "a value cannot be read".to_owned()
            }
        })
    }
}

/// An option as it may be shown: what holds more than the letters of a name is none.
fn shown(option: &str) -> &str {
    if is_name(option) { option } else { "<redacted>" }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// How long a health check may take, from the first packet to the last byte of the answer.
const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(5);

impl Cli {
    /// Takes the arguments apart, the program's name left out.
    pub(crate) fn parse(
        table: &Table,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, UsageError> {
        use lexopt::Arg::{Long, Short, Value as Word};
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut cli = Self { command: Command::Serve, file: None, settings: Vec::new() };
        let mut has_command = false;
        while let Some(argument) = parser.next()? {
            match (argument, &mut cli.command) {
                (Short('h') | Long("help"), _) => {
                    return Ok(Self { command: Command::Help, ..cli });
                }
                (Short('V') | Long("version"), _) => {
                    return Ok(Self { command: Command::Version, ..cli });
                }
                (Word(word), _) if !has_command => {
                    has_command = true;
                    cli.command = command(&word)?;
                }
                (Long("config"), _) => {
                    cli.file = Some(given("config", parser.value()?)?.into());
                }
                (Long("check"), Command::Config { is_check }) => *is_check = true,
                (Long("live"), Command::Healthcheck(options)) => options.is_live = true,
                (Long("url"), Command::Healthcheck(options)) => {
                    options.url = Some(text("url", parser.value()?)?);
                }
                (Long("timeout"), Command::Healthcheck(options)) => {
                    options.timeout = parse_timeout(&text("timeout", parser.value()?)?)?;
                }
                (Long("quiet"), Command::Healthcheck(options)) => options.output = Output::Nothing,
                (Long("json"), Command::Healthcheck(options)) => options.output = Output::Json,
                (Long(flag), _) if is_setting(table, flag) => {
                    let flag = flag.to_owned();
                    let value = text(&flag, parser.value()?)?;
                    cli.settings.push((key_of_flag(&flag).to_owned(), value));
                }
                (argument, _) => return Err(argument.unexpected().into()),
            }
        }
        Ok(cli)
    }

    /// The sources of the configuration: the file, this environment, the flags.
    pub(crate) fn sources(&self, table: &Table) -> Sources {
        let (file, flags) = (self.file.clone(), self.settings.iter().cloned());
        Sources::gather(table, file, std::env::vars_os(), flags)
    }
}

/// What `--help` prints.
pub(crate) fn help(identity: Identity, table: &Table) -> String {
    let Identity { name, version, description } = identity;
    let about = if description.is_empty() { String::new() } else { format!(": {description}") };
    let timeout = HEALTHCHECK_TIMEOUT.show();
    let commands = [
        ("[serve]", "run the server"),
        ("healthcheck", "ask the server whether it is ready; exit 0 healthy or degraded,"),
        ("", "1 unhealthy or starting, 2 no answer"),
        (" --live", "ask whether it is alive (/health) and not whether it is ready"),
        (" --url URL", "ask http://host[:port][/path], not the configured address"),
        (" --timeout TIME", &format!("for the whole exchange [{timeout}]")),
        (" --quiet", "print nothing"),
        (" --json", "print the server's answer, in one line"),
        ("config", "print the configuration in effect, and where each value is from"),
        (" --check", "only say whether it is valid"),
        ("--version", "print version and platform"),
    ];
    let mut text = format!("{name} {version}{about}\n\n");
    for (call, does) in commands {
        let call = match call.strip_prefix(' ') {
            Some(option) => format!(" {option}"),
            None if call.is_empty() => String::new(),
            None => format!("{name} {call}"),
        };
        let width = name.len() + 14;
        let _ = writeln!(text, "{call:<width$} {does}");
    }
    let settings = settings::help(table);
    let _ = write!(
        text,
        "\nSettings, each by flag, environment or file; [default]:\n  --config PATH (CONFIG_FILE)\n      \
         A TOML file; flags and environment are over it.\n{settings}\n\
         Exit status of the server: 0 after a clean drain, 1 after a failure, 2 for a mistake in the\n\
         command line or the configuration.\n",
    );
    text
}

/// What `--version` prints.
pub(crate) fn version(identity: Identity) -> String {
    format!("{} {} ({TARGET})\n", identity.name, identity.version)
}

fn command(word: &OsString) -> Result<Command, UsageError> {
    match word.to_str() {
        Some("serve") => Ok(Command::Serve),
        Some("config") => Ok(Command::Config { is_check: false }),
        Some("healthcheck") => Ok(Command::Healthcheck(HealthcheckOptions {
            is_live: false,
            url: None,
            timeout: HEALTHCHECK_TIMEOUT,
            output: Output::Words,
        })),
        _ => Err(UsageError(
            "there is no such command; there are serve, healthcheck, config; a value stands behind \
             its flag, and one with spaces in quotes"
                .to_owned(),
        )),
    }
}

/// A flag whose value was forgotten must not take the next flag for it: a mistake in a value is told
/// with the value, and that flag's may be a secret.
fn given(flag: &str, value: OsString) -> Result<OsString, UsageError> {
    if value.as_encoded_bytes().starts_with(b"--") {
        return Err(UsageError(format!("--{flag} needs a value")));
    }
    Ok(value)
}

fn text(flag: &str, value: OsString) -> Result<String, UsageError> {
    given(flag, value)?
        .into_string()
        .map_err(|_| UsageError(format!("the value of --{flag} is not UTF-8 text")))
}

fn parse_timeout(text: &str) -> Result<Duration, UsageError> {
    match <Duration as Value>::parse(text) {
        Ok(timeout) if !timeout.is_zero() && timeout <= HOUR => Ok(timeout),
        _ => Err(UsageError(format!("--timeout: expected {}, at most 1h", Duration::EXPECTED))),
    }
}

/// Dots mark a setting, and every key without one is in the table. Whether a key with dots exists
/// is told later, together with all other mistakes, so that it must be one that may be shown.
fn is_setting(table: &Table, flag: &str) -> bool {
    let is_known = || key_of_flag(flag) != flag || table.rows().any(|known| known.key() == flag);
    (flag.contains('.') && is_name(flag)) || is_known()
}

/// Two settings that everyone knows have short names.
fn key_of_flag(flag: &str) -> &str {
    match flag {
        "host" => "server.host",
        "port" => "server.port",
        flag => flag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table;
    use crate::identity::TEST;

    fn parse(line: &str) -> Result<Cli, String> {
        Cli::parse(&table(), line.split_whitespace().map(OsString::from))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_may_stand_before_or_after_settings() {
        for line in ["--port 1 serve", "serve --server.port=1", "--port=1"] {
            let cli = parse(line).unwrap();
            assert!(matches!(cli.command, Command::Serve), "{line}");
            assert_eq!(cli.settings, [("server.port".to_owned(), "1".to_owned())], "{line}");
        }
    }

    #[test]
    fn the_health_check_takes_its_options() {
        let cli = parse("healthcheck --live --url http://x/ --timeout 2s --json").unwrap();
        let Command::Healthcheck(options) = cli.command else { panic!() };
        assert!(options.is_live && options.output == Output::Json);
        assert_eq!(options.url.as_deref(), Some("http://x/"));
        assert_eq!(options.timeout, Duration::from_secs(2));
        let Command::Healthcheck(options) = parse("healthcheck").unwrap().command else { panic!() };
        assert_eq!(options.timeout, Duration::from_secs(5));
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for (line, told) in [
            ("sevre", "no such command; there are serve, healthcheck, config"),
            ("serve serve", "a word too many after the command"),
            ("--nope", "no option --nope here"),
            ("serve --live", "no option --live here"),
            ("healthcheck --live=yes", "--live takes no value"),
            ("healthcheck --timeout 5", "--timeout: expected a duration"),
            ("healthcheck --timeout 0", "--timeout: expected a duration"),
            ("healthcheck --timeout 2h", "--timeout: expected a duration"),
            ("--port", "--port needs a value"),
            ("--port --database_url=redis://cache", "--port needs a value"),
            ("--config --port 80", "--config needs a value"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(told), "{line}: {error}");
        }
    }

    /// A password stands where nobody expects it, and in a place that the shell made of it.
    #[test]
    fn a_usage_mistake_repeats_no_value() {
        let url = "postgres://app:hunter2@db.example/app?x=y";
        for line in [
            url,
            "hunter2",
            &format!("serve {url}"),
            "serve hunter2",
            "--database_url postgres://app:un hunter2@db/app",
            "--database_url postgres://app:un hunter2 deux@db/app",
            &format!("--{url}"),
            &format!("--{url} serve"),
            &format!("--database_url:{url}"),
            &format!("-{url}"),
            &format!("serve --live={url}"),
            &format!("healthcheck --live={url}"),
            &format!("healthcheck --timeout {url}"),
            "healthcheck --timeout hunter2",
            &format!("--port --database_url={url}"),
            &format!("--config --database_url={url}"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(!error.contains("hunter2") && !error.contains("deux"), "{line}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf_8_is_told_by_its_option() {
        use std::os::unix::ffi::OsStringExt;
        for (arguments, option) in [
            (&["--database_url"][..], "--database_url"),
            (&["--port"], "--port"),
            (&["healthcheck", "--url"], "--url"),
            (&["healthcheck", "--timeout"], "--timeout"),
        ] {
            let value = OsString::from_vec(b"postgres://app:hunter2\xff@db".to_vec());
            let arguments = arguments.iter().map(OsString::from).chain([value]);
            let error = Cli::parse(&table(), arguments).unwrap_err().to_string();
            let told = format!("the value of {option} is not UTF-8 text");
            assert!(error.contains(&told) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn help_tells_every_command() {
        for word in [
            "serve",
            "healthcheck",
            "--live",
            "config",
            "--check",
            "--version",
            "CONFIG_FILE",
            "[5s]",
        ] {
            assert!(help(TEST, &table()).contains(word), "{word}");
        }
    }
}
