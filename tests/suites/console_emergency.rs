//! The console, as emergencies go through it.
