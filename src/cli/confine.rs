//! The sandbox of commands that read a query, and `ris privacy`, which shows it.

use anyhow::{Context, Result};
use ris::report;
use ris::sandbox::{self, Policy, Posture, Probe, Report};
use ris::{Error, ErrorKind};

use super::args::{Confine, Global, Privacy};
use super::exit::{self, Exit};
use super::messages;

/// Enters the sandbox, or fails where less of it stands than is required.
pub fn enter(args: &Confine, policy: &Policy) -> Result<Posture> {
    let required = is_required(args)?;
    let posture = report(args, policy)?.posture;
    if required && posture != Posture::Enforced {
        return Err(Error::new(ErrorKind::Unsupported, NOT_WHOLE).into());
    }
    Ok(posture)
}

/// The error where less of the sandbox stands than is required.
pub const NOT_WHOLE: &str =
    "the sandbox is not wholly enforced here, and it is required: `ris privacy` says what is missing";

/// Whether less than all of the sandbox is an error.
pub fn is_required(args: &Confine) -> Result<bool> {
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

fn report(args: &Confine, policy: &Policy) -> Result<Report> {
    if args.no_sandbox {
        messages::line("--no-sandbox: nothing keeps the query in, and a picture made to do harm meets no bounds");
        return Ok(Report { posture: Posture::None, layers: Vec::new() });
    }
    sandbox::enter(policy).context("the sandbox")
}

/// What a search does, and what a process does that decodes its query: the calls are tried in both.
#[cfg(target_os = "linux")]
fn tried(args: &Confine) -> Result<(Report, Vec<Probe>)> {
    if args.no_sandbox {
        return Ok((report(args, &Policy::default())?, sandbox::probe(true)));
    }
    let mut decoding = sandbox::Decoding::start().context("no process to decode in")?;
    let report = report(args, &decoding.policy())?;
    // From a thread of the pool that searches.
    let mut probes = Vec::new();
    rayon::scope(|scope| scope.spawn(|_| probes = sandbox::probe(false)));
    let (others, posture) = decoding.probe()?;
    probes.extend(others);
    Ok((Report { posture: report.posture.and(posture), ..report }, probes))
}

#[cfg(not(target_os = "linux"))]
fn tried(args: &Confine) -> Result<(Report, Vec<Probe>)> {
    Ok((report(args, &Policy::default())?, sandbox::probe(true)))
}

pub fn privacy(args: &Privacy, global: &Global) -> Result<Exit> {
    let required = is_required(&args.confine)?;
    let (report, probes) = tried(&args.confine)?;
    let mut text = Vec::new();
    match (global.quiet, args.json) {
        (true, _) => {}
        (false, true) => report::json::privacy(&mut text, &report, &probes)?,
        (false, false) => report::text::privacy(&mut text, &report, &probes)?,
    }
    exit::print(&text)?;
    let proved = report.posture == Posture::Enforced && probes.iter().all(|probe| probe.refused);
    if required && !proved {
        return Err(Error::new(ErrorKind::Unsupported, NOT_WHOLE).into());
    }
    Ok(if proved { Exit::Success } else { Exit::NoMatch })
}
