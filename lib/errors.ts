/**
 * The errors that end the program, each with its exit status.
 *
 * The numbers are those of sysexits(3), so that shells, systemd and Kubernetes show something known.
 */

/** Exit statuses of our own. Others are `mariadbd`'s own or 128 + the signal that ended us. */
export const EXIT = {
  ok: 0,
  /** Asked how something is, the answer is: not well; of `status`: degraded. */
  unwell: 1,
  /** `status`: no member is in a primary component. */
  noPrimary: 2,
  /** The command line is wrong (EX_USAGE). */
  usage: 64,
  /** Something needed is not there: a program, a library, a server, a lock (EX_UNAVAILABLE). */
  unavailable: 69,
  /** A mistake of ours (EX_SOFTWARE). */
  software: 70,
  /** A member failed in what was asked of all, or it was taken back; it may be tried again (EX_TEMPFAIL). */
  failed: 75,
  /** What was asked is refused for what is on record; nothing was written (EX_NOPERM). */
  refused: 77,
  /** A setting is wrong or contradicts another (EX_CONFIG). */
  config: 78,
} as const;

/**
 * An error that a person can act on: its message is one line that says what failed, the value, and
 * what to do. Only these reach the terminal without a stack trace.
 */
export class KeeperError extends Error {
  /** The status the process exits with. */
  readonly exitStatus: number;

  /**
   * @param message One sentence-case line: what failed, the value, what to do.
   * @param exitStatus The status the process exits with.
   * @param options The cause, where there is one.
   */
  constructor(message: string, exitStatus: number, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.exitStatus = exitStatus;
  }
}

/** The command line is wrong: exit status 64. */
export class UsageError extends KeeperError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.usage, options);
  }
}

/** Something needed is not there: exit status 69. */
export class UnavailableError extends KeeperError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.unavailable, options);
  }
}

/** What was asked of all members did not come to its end: exit status 75. */
export class FailedError extends KeeperError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.failed, options);
  }
}

/** What was asked is refused for what is on record: exit status 77. */
export class RefusedError extends KeeperError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.refused, options);
  }
}

/** A setting is wrong or contradicts another: exit status 78. */
export class ConfigError extends KeeperError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.config, options);
  }
}
