/** @file The frame of every page: head, header with a table of contents, footer. One file, no script, no network. */
import { type Html, html } from './html.ts';
import { style } from './style.ts';
import type { Verdict } from './verdict.ts';

/** Nothing may be fetched: pictures are data URLs, styles are inline, there are no scripts. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** A part of a page: its id, its name in the header, and its content; null where there is nothing to show. */
export type Section = readonly [id: string, name: string, content: Html | null];

export interface Page {
  /** The subject of the page: a model, a matrix, a command. */
  readonly subject: string;
  /** The kind of page, for the header. */
  readonly kind: string;
  readonly verdict: Pick<Verdict, 'tone' | 'stamp' | 'headline'>;
  /** Content between the headline and the first section. */
  readonly about: Html;
  readonly sections: readonly Section[];
  /** Definitions that the content refers to. */
  readonly before?: Html;
  /** Styles of this kind of page. */
  readonly style?: Html;
  /** Time of the run's result, or of its last event if it is unfinished: ISO 8601, UTC. */
  readonly finished: string;
  /** Whether the run may still be at work. */
  readonly unfinished?: boolean;
}

export function page({
  subject,
  kind,
  verdict: { tone, stamp, headline },
  about,
  sections,
  before,
  style: own,
  finished,
  unfinished = false,
}: Page): Html {
  const present = sections.filter(([, , content]) => content !== null);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<title>${stamp}: ${subject} (neural-antidote)</title>
<link rel="icon" href="data:,">
<style>${style}${own}</style>
</head>
<body>
${before}
<div class="wrap">
  <a class="skip" href="#content">Skip to the results</a>
  <header class="top"><span><b>neural-antidote</b> ${kind}</span><nav class="contents" aria-label="On this page">${present.map(([id, name]) => html`<a href="#${id}">${name}</a>`)}</nav></header>
  <main id="content">
    <section class="hero" aria-labelledby="verdict">
      <p class="stamp ${tone}">${stamp}</p>
      <h1 id="verdict">${headline}</h1>
      ${about}
    </section>
    ${present.map(([, , content]) => content)}
  </main>
  <footer class="bottom">${unfinished ? 'Not finished; last heard of' : 'Run finished'} <time datetime="${finished}">${finished.slice(0, 16).replace('T', ' ')} UTC</time>. This file is complete: it loads nothing and runs no script.</footer>
</div>
</body>
</html>
`;
}

/** Facts by name, without those that have no value. */
export function factList(facts: readonly (readonly [name: string, value: string | null])[]): Html {
  return html`<dl class="about">${facts.map(([name, value]) => value !== null && html`<div><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>`;
}
