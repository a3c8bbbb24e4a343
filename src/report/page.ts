/** @file The frame of every page: head, header with a table of contents, footer. One file, no script, no network. */
import { type Html, html } from './html.ts';
import { style } from './style.ts';

/** Nothing may be fetched: pictures come as data, styles stand in the page, scripts do not exist. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export interface Page {
  readonly title: string;
  /** What sort of page it is, in the header. */
  readonly kind: string;
  /** Ids of the sections and what the header calls them. */
  readonly contents: readonly (readonly [id: string, name: string])[];
  /** Definitions that the content refers to. */
  readonly before?: Html;
  /** Styles that only this sort of page needs. */
  readonly style?: Html;
  readonly main: Html;
  /** When the run came to its result, or told something last if it has not yet: ISO 8601, UTC. */
  readonly finished: string;
  /** The run may still go on. */
  readonly unfinished?: boolean;
}

export function page({ title, kind, contents, before, style: own, main, finished, unfinished = false }: Page): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<title>${title} (neural-antidote)</title>
<link rel="icon" href="data:,">
<style>${style}${own}</style>
</head>
<body>
${before}
<div class="wrap">
  <a class="skip" href="#content">Skip to the results</a>
  <header class="top"><span><b>neural-antidote</b> ${kind}</span><nav class="contents" aria-label="On this page">${contents.map(([id, name]) => html`<a href="#${id}">${name}</a>`)}</nav></header>
  <main id="content">
    ${main}
  </main>
  <footer class="bottom">${unfinished ? 'Not finished; last heard of' : 'Run finished'} <time datetime="${finished}">${finished.slice(0, 16).replace('T', ' ')} UTC</time>. This file is complete: it loads nothing and runs no script.</footer>
</div>
</body>
</html>
`;
}
