//! Saved again, or at another size: what any site does to what is uploaded.

use super::{Edit, Group, pixels};

pub const EDITS: &[Edit] = &[
    Edit::new("jpeg-50", Group::Easy, |scene, _| scene.picture().clone()).quality(50),
    Edit::new("jpeg-20", Group::Easy, |scene, _| scene.picture().clone()).quality(20),
    Edit::new("jpeg-10", Group::Easy, |scene, _| scene.picture().clone()).quality(10),
    Edit::new("resize-50", Group::Easy, |scene, _| pixels::scaled(scene.picture(), 0.5)),
    Edit::new("resize-25", Group::Easy, |scene, _| pixels::scaled(scene.picture(), 0.25)),
    Edit::new("resize-200", Group::Easy, |scene, _| pixels::scaled(scene.picture(), 2.0)),
];
