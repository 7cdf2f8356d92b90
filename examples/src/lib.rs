//! The programs are beside this folder; what the README shows is compiled here.
#![cfg_attr(doctest, doc = include_str!("../../README.md"))]
