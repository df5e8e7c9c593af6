//! The only spawner of processes.
