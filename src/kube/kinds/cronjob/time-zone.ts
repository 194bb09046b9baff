/** Names of time zones as `spec.timeZone` takes them: those of the IANA, and no offsets. */

/** Some runtimes read `+01:00` as a time zone, and all of them `local` as a mistake of their own. */
const NAME = /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/;
/** The longest name in the database has 32 characters. */
const MAX_LENGTH = 64;

/** What is wrong with a time zone's name; undefined when nothing is. */
export function timeZoneProblem(name: string): string | undefined {
  if (name === "") return "timeZone must be nil or non-empty string";
  if (name.toLowerCase() === "local")
    return "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
  const unknown = `unknown time zone ${name.slice(0, MAX_LENGTH)}`;
  if (name.length > MAX_LENGTH || !NAME.test(name)) return unknown;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return unknown;
    throw error;
  }
}
