/** What an error is about: a path, a blob, a member or an image, and what that is in. */
export type Subject = string | SubjectWithin;

/** Something named inside something else, such as a member in an archive. */
export interface SubjectWithin {
  readonly name: string;
  readonly within: Subject;
}

/**
 * `subject` in `container`. The two stay apart, so that each is quoted alone in a message: a file's
 * path may contain " in " itself.
 */
export const within = (subject: Subject, container: Subject): SubjectWithin =>
  typeof subject === "string"
    ? { name: subject, within: container }
    : { name: subject.name, within: within(subject.within, container) };

/** `name in container`, for JSON and for findings. `write` writes each of the names. */
export function subjectText(
  subject: Subject,
  write: (name: string) => string = (name) => name,
): string {
  if (typeof subject === "string") return write(subject);
  return `${write(subject.name)} in ${subjectText(subject.within, write)}`;
}
