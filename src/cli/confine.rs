//! The sandbox of commands that read a query, and `ris privacy`, which shows it.

use anyhow::Result;
use ris::report;
use ris::sandbox::{self, Policy, Posture, Report};
use ris::{Error, ErrorKind};

use super::args::{Confine, Global, Privacy};
use super::exit::{self, Exit};

/// Enters the sandbox, or fails where less of it stands than is required.
pub fn enter(args: &Confine, policy: &Policy) -> Result<Posture> {
    let required = is_required(args)?;
    let posture = report(args, policy).posture;
    if required && posture != Posture::Enforced {
        let message = "the sandbox is not wholly enforced here, and it is required: `ris privacy` says what is missing";
        return Err(Error::new(ErrorKind::Unsupported, message).into());
    }
    Ok(posture)
}

fn is_required(args: &Confine) -> Result<bool> {
    let variable = std::env::var_os("RIS_REQUIRE_SANDBOX").unwrap_or_default();
    let variable = match variable.to_str().map(str::to_ascii_lowercase).as_deref() {
        Some("1" | "true" | "yes" | "on" | "y" | "t") => true,
        Some("" | "0" | "false" | "no" | "off" | "n" | "f") => false,
        _ => return Err(Error::new(ErrorKind::Usage, "RIS_REQUIRE_SANDBOX is 1 or 0").into()),
    };
    if variable && args.no_sandbox {
        let message = "--no-sandbox, and RIS_REQUIRE_SANDBOX asks for the sandbox";
        return Err(Error::new(ErrorKind::Usage, message).into());
    }
    Ok(args.require_sandbox || variable)
}

fn report(args: &Confine, policy: &Policy) -> Report {
    if args.no_sandbox { Report { posture: Posture::None, layers: Vec::new() } } else { sandbox::enter(policy) }
}

pub fn privacy(args: &Privacy, global: &Global) -> Result<Exit> {
    let report = report(&args.confine, &Policy::default());
    // From a thread of the pool that describes queries.
    let mut probes = Vec::new();
    rayon::scope(|scope| scope.spawn(|_| probes = sandbox::probe()));
    let mut text = Vec::new();
    match (global.quiet, args.json) {
        (true, _) => {}
        (false, true) => report::json::privacy(&mut text, &report, &probes)?,
        (false, false) => report::text::privacy(&mut text, &report, &probes)?,
    }
    exit::print(&text)?;
    let proved = report.posture == Posture::Enforced && probes.iter().all(|probe| probe.refused);
    Ok(if proved { Exit::Success } else { Exit::NoMatch })
}
