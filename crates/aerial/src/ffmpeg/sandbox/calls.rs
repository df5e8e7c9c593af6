//! Which system calls a process in the sandbox may make, by seccomp.
//!
//! Owns the list of those that it may not: what opens a network, and what reaches into
//! other processes or the kernel, none of which any FFmpeg needs. Invariant: a refused
//! call fails like one that is not permitted; nobody is killed for it, since drivers
//! try many things.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

/// Refused whatever they are asked for.
const REFUSED: [libc::c_long; 34] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    // It opens sockets without `socket`.
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// The same calls by their other numbers on x86-64 (the x32 interface), which the
/// filter sees as the same architecture.
#[cfg(target_arch = "x86_64")]
const OTHER_NUMBERS: Option<libc::c_long> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const OTHER_NUMBERS: Option<libc::c_long> = None;

/// Whoever drives devices may open sockets of the machine itself.
pub(super) fn restrict(devices: bool) -> Result<(), String> {
    let program = filter(devices).map_err(|error| error.to_string())?;
    apply_filter(&program).map_err(|error| error.to_string())
}

fn filter(devices: bool) -> Result<BpfProgram, seccompiler::BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    // Drivers talk to their servers by sockets of the machine itself. For others these
    // lead out of the sandbox: to a message bus, or to whoever runs containers.
    let outside = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Ne,
        libc::AF_UNIX.unsigned_abs().into(),
    )?;
    let sockets = if devices { vec![SeccompRule::new(vec![outside])?] } else { Vec::new() };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for other in std::iter::once(0).chain(OTHER_NUMBERS) {
        rules.insert(libc::SYS_socket | other, sockets.clone());
        rules.extend(REFUSED.map(|call| (call | other, Vec::new())));
    }
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refused, arch)?.try_into()
}
