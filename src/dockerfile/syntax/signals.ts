/** Linux's signals by name, as STOPSIGNAL takes them. */
const NAMES = [
  ...["ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT"],
  ...["KILL", "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM"],
  ...["TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ"],
  ...["RTMIN", "RTMAX"],
  ...Array.from({ length: 15 }, (_, i) => `RTMIN+${i + 1}`),
  ...Array.from({ length: 14 }, (_, i) => `RTMAX-${i + 1}`),
];

/** Every name, with SIG in front. */
export const SIGNALS: readonly string[] = NAMES.map((name) => `SIG${name}`);

/** Whether `text` is a signal: a name, with or without SIG, in any case, or a number but 0. */
export function isSignal(text: string): boolean {
  if (/^[+-]?\d{1,9}$/.test(text)) return Number(text) !== 0;
  const upper = text.toUpperCase();
  return SIGNALS.includes(upper.startsWith("SIG") ? upper : `SIG${upper}`);
}
