//! A training run as plain data: what is to be done, what was done, and where it is kept.
//!
//! A [`recipe`] says everything that makes a run what it is; a [`schedule`] turns its step into a rate; a run's
//! [`folder`] holds the recipe, the [`journal`] and the [`checkpoint`]s; [`scores`] and [`report`] say how it went. This
//! crate knows no tensor library: it is host numbers and files, so all of it is compiled and tested in seconds.

pub mod board;
pub mod checkpoint;
pub mod document;
pub mod folder;
pub mod journal;
pub mod lines;
pub mod progress;
pub mod recipe;
pub mod report;
pub mod schedule;
pub mod scores;
