/** What can be measured. */
export interface Case {
  readonly id: string;
  readonly title: string;
  /** For sh. Its scenario says what is in the environment; $OUT, which is not there yet, is where the result belongs. */
  readonly script: string;
  /** Programs that it needs besides sh. */
  readonly needs: readonly string[];
  /** For sh, with the same environment: what has to be there beforehand. Nobody measures that. */
  readonly before?: string;
  /** Whether the scenario's daemon does the work: what that takes is counted. */
  readonly byDaemon?: boolean;
  /** Whether the result is a folder of as many files as were put in: such are not removed between the runs. */
  readonly leavesMany?: boolean;
}

export const GNU = "--sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --format=ustar";
