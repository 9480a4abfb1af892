/**
 * Just enough of TypeScript's lexical grammar to tell code from comments and strings. No parser: the
 * rules of the architecture look at words, and words in comments and strings do not count.
 */

/** After these, a slash begins a regular expression. After a name, a number or a `)`, it divides. */
const beforeRegExp =
  /(?:^|[=(,:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|void|throw|await))$/;

/**
 * The same text with every character of comments, and of the insides of strings and regular
 * expressions, made a space. Quotes, line breaks and lengths stay, so that offsets and lines stay, too. What
 * stands in `${}` of a template is code.
 */
export function codeOnly(text: string): string {
  let out = "";
  /** For each open template: how many braces are open in its current `${}`. */
  const templates: number[] = [];
  let at = 0;
  const blank = (to: number) => {
    out += text.slice(at, to).replace(/[^\n]/g, " ");
    at = to;
  };
  const keep = () => {
    out += text[at];
    at++;
  };
  const template = () => {
    let end = at;
    while (end < text.length && text[end] !== "`" && !text.startsWith("${", end)) {
      end += text[end] === "\\" ? 2 : 1;
    }
    blank(Math.min(end, text.length));
    if (text[at] === "`") return keep();
    templates.push(0);
    keep();
    keep();
  };

  while (at < text.length) {
    const char = text[at] as string;
    const open = templates.length - 1;
    if (text.startsWith("//", at)) blank(endOf(text, "\n", at));
    else if (text.startsWith("/*", at)) blank(endOf(text, "*/", at) + 2);
    else if (char === '"' || char === "'") {
      keep();
      blank(closing(text, at, char));
      keep();
    } else if (char === "`") {
      keep();
      template();
    } else if (char === "/" && beforeRegExp.test(out.trimEnd().slice(-10))) {
      keep();
      blank(endOfRegExp(text, at));
      keep();
    } else if (open >= 0 && char === "{") {
      templates[open] = (templates[open] as number) + 1;
      keep();
    } else if (open >= 0 && char === "}") {
      keep();
      if (templates[open] === 0) {
        templates.pop();
        template();
      } else templates[open] = (templates[open] as number) - 1;
    } else keep();
  }
  return out.slice(0, text.length);
}

function endOf(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from);
  return end < 0 ? text.length : end;
}

function closing(text: string, from: number, quote: string): number {
  let end = from;
  while (end < text.length && text[end] !== quote && text[end] !== "\n") {
    end += text[end] === "\\" ? 2 : 1;
  }
  return Math.min(end, text.length);
}

/** Where the slash is that ends the regular expression, from its first character on. */
function endOfRegExp(text: string, from: number): number {
  let inClass = false;
  for (let end = from; end < text.length; end++) {
    const char = text[end];
    if (char === "\n") return end;
    if (char === "\\") end++;
    else if (char === "[") inClass = true;
    else if (char === "]") inClass = false;
    else if (char === "/" && !inClass) return end;
  }
  return text.length;
}

/** An import of any kind. `to` is undefined where the source computes it. */
export interface Import {
  readonly line: number;
  readonly to: string | undefined;
}

/** The places at which a module names another one. The quote that follows begins the name. */
const places = [
  /\bimport\s*(?=["'])/g,
  /\bfrom\s*(?=["'])/g,
  /\bimport\s*\(\s*/g,
  /\brequire\s*\(\s*/g,
  /\bimport\.meta\.resolve\s*\(\s*/g,
  /\bnew\s+URL\s*\(\s*(?=["'][^"']*["']\s*,\s*import\.meta)/g,
];

/**
 * Every import of a module, in order: declarations (`import type`, side effects and re-exports
 * included), `import()` as expression and as type, `require()`, and modules named by their URL.
 */
export function importsOf(text: string): Import[] {
  const code = codeOnly(text);
  const found: { at: number; to: string | undefined }[] = [];
  for (const place of places) {
    for (const match of code.matchAll(place)) {
      const at = match.index + match[0].length;
      const quote = code[at];
      const literal = quote === '"' || quote === "'";
      const to = literal ? text.slice(at + 1, code.indexOf(quote, at + 1)) : undefined;
      found.push({ at: match.index, to });
    }
  }
  found.sort((a, b) => a.at - b.at);
  return found.map(({ at, to }) => ({ line: lineAt(code, at), to }));
}

/** The line, counted from 1, of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
