/** Texts that people write names and passwords into, fit to be shown. */

const VARIABLE = /^\$(?:\w+|\{\w+\})$/;

/**
 * `text` with `***` for who its URLs log in as (`https://user:password@host`), also where the scheme is left out. What is nothing
 * but variables not yet expanded stays, and so does a lone name of ssh and git, which is no secret, and a reference's digest.
 */
export function redactCredentials(text: string): string {
  return text
    .replace(
      /(?<![a-z0-9+.-])([a-z0-9+.-]+):\/\/([^/?#\s]*)@/gi,
      (whole, scheme: string, who: string) => {
        const isName = /^(?:ssh|git)$/i.test(scheme) && !who.includes(":");
        return isName || areVariables(who) ? whole : `${scheme}://***@`;
      },
    )
    .replace(/^([^/@\s]*)@(?!sha\d+:)/, (whole, who: string) =>
      !who.includes(":") || areVariables(who) ? whole : "***@",
    );
}

const areVariables = (who: string) => who.split(":").every((part) => VARIABLE.test(part));
