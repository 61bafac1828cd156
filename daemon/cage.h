// SPDX-License-Identifier: MIT
// The supervisor's own cage. What it is for, and what it costs its children, is in README.md here.
#pragma once

namespace mmsd::supervisor {

/** Gives up what a supervisor whose sockets are open does not need: capabilities, ever more rights
 *  by exec, core files. Call before the first process is started.
 *  @param isRoot whether there are capabilities to give up
 *  @throws StartError, SysError if a step fails: the start must end */
void giveUpRights(bool isRoot);

/** Denies system calls that no process of ours makes; all children inherit this, also HAProxy and
 *  its hooks. Foreign architectures are killed. Once per process, whatever it executes.
 *  @throws SysError if it cannot be installed: the start must end */
void denySyscalls();

} // namespace mmsd::supervisor
