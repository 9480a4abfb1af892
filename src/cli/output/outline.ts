/** Things that have parts, as lines: indented, or with the branches drawn. */

export interface OutlineNode {
  readonly text: string;
  readonly children?: readonly OutlineNode[];
}

/** Two spaces more for each level. */
export function indented(nodes: readonly OutlineNode[], depth = 0): string[] {
  return nodes.flatMap(({ text, children = [] }) => [
    `${"  ".repeat(depth)}${text}`,
    ...indented(children, depth + 1),
  ]);
}

/** The first line is the root; the others begin with the branches that lead to them. */
export function drawn({ text, children = [] }: OutlineNode, before = ""): string[] {
  return [
    text,
    ...children.flatMap((child, i) => {
      const isLast = i === children.length - 1;
      const [first, ...rest] = drawn(child, `${before}${isLast ? "   " : "│  "}`);
      return [`${before}${isLast ? "└─ " : "├─ "}${first}`, ...rest];
    }),
  ];
}
