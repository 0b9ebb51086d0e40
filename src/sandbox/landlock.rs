//! Landlock: nothing can be opened but the index and the queries, for reading; no TCP, no signals out.

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, make_bitflags,
};

use super::Policy;

/// The newest whose features are asked for; of an older kernel as many as it has. 7: what the first trials ran on.
const NEWEST: ABI = ABI::V7;

/// Restricts this thread and those that it starts. Tells what stands, or why nothing does.
pub fn restrict(policy: &Policy) -> Result<String, String> {
    let status = confine(policy).map_err(|error| format!("not enforced: {error}"))?;
    match status {
        RulesetStatus::NotEnforced => Err("not enforced: Linux 5.13 with Landlock is needed".into()),
        RulesetStatus::FullyEnforced => Ok("reads the index and the queries alone; no TCP, no signals out".into()),
        RulesetStatus::PartiallyEnforced => Ok("reads the index and the queries alone; the kernel is older".into()),
    }
}

fn confine(policy: &Policy) -> Result<RulesetStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    // What can't be opened now can't be read later, and is named then.
    for folder in policy.folders.iter().filter_map(|folder| PathFd::new(folder).ok()) {
        (&mut ruleset).add_rule(PathBeneath::new(folder, make_bitflags!(AccessFs::{ReadFile | ReadDir})))?;
    }
    // A rule for a folder would be one for all below it. Pipes and sockets are in no file system: no rule can name
    // them, and none needs to.
    for file in policy.files.iter().filter(|file| file.is_file()) {
        let Ok(place) = PathFd::new(file) else { continue };
        (&mut ruleset).add_rule(PathBeneath::new(place, AccessFs::ReadFile))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}
