import { type CSSResult, css } from 'lit'

/** The styles that every part of the panel shares. Colours are inherited from the panel. */
export const sharedStyles: CSSResult = css`
  :host {
    box-sizing: border-box;
    color: var(--ink);
    font: 12px / 1.5 var(--font);
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  button,
  input,
  select {
    min-height: 24px;
    padding: 0 8px;
    border: 1px solid var(--line);
    border-radius: 5px;
    background: var(--card);
    color: inherit;
    font: inherit;
  }
  button {
    cursor: pointer;
  }
  button:hover:not(:disabled) {
    border-color: var(--sea);
  }
  button:disabled {
    color: var(--quiet);
    cursor: default;
  }
  button.link {
    min-height: 24px;
    padding: 0;
    border: 0;
    background: none;
    color: var(--sea);
    text-align: left;
    text-decoration: underline;
    text-decoration-color: color-mix(in srgb, currentColor 35%, transparent);
    text-underline-offset: 2px;
    overflow-wrap: anywhere;
  }
  :focus-visible {
    outline: 2px solid var(--sea);
    outline-offset: 1px;
  }
  h3 {
    margin: 0 0 4px;
    font-size: 12px;
    font-weight: 600;
  }
  p {
    margin: 0 0 8px;
    max-width: 76ch;
  }
  dl {
    display: grid;
    grid-template-columns: max-content minmax(0, 1fr);
    gap: 2px 14px;
    margin: 0 0 10px;
  }
  dt {
    color: var(--quiet);
  }
  dd {
    margin: 0;
    overflow-wrap: anywhere;
    font-variant-numeric: tabular-nums;
  }
  code,
  pre,
  .mono {
    font-family: var(--mono);
    font-size: 11.5px;
  }
  pre {
    margin: 0 0 8px;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  progress {
    height: 6px;
  }
  input,
  progress {
    accent-color: var(--sea);
  }
  label {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }
  table {
    width: 100%;
    border-collapse: collapse;
    font-variant-numeric: tabular-nums;
  }
  th {
    color: var(--quiet);
    font-weight: 500;
    text-align: left;
  }
  th,
  td {
    padding: 3px 12px 3px 0;
    border-bottom: 1px solid var(--line);
    vertical-align: baseline;
  }
  .number {
    text-align: right;
  }
  .quiet {
    color: var(--quiet);
  }
  .bad {
    color: var(--bad);
  }
  .good {
    color: var(--good);
  }
  .careful {
    color: var(--careful);
  }
  .bar {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 6px;
    padding: 6px 12px;
    border-bottom: 1px solid var(--line);
  }
  .grow {
    flex: 1 1 180px;
    min-width: 0;
  }
  .split {
    display: flex;
    min-height: 0;
    flex: 1;
  }
  .side {
    flex: 0 0 42%;
    min-width: 0;
    overflow: auto;
    padding: 10px 12px;
    border-left: 1px solid var(--line);
  }
  .page {
    flex: 1;
    min-height: 0;
    overflow: auto;
    padding: 12px;
  }
  .cards {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr));
    gap: 10px;
  }
  .card {
    padding: 10px 12px;
    border: 1px solid var(--line);
    border-radius: 8px;
    background: var(--card);
    min-width: 0;
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    gap: 6px;
    margin: 0 0 10px;
  }
  .hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (max-width: 640px) {
    .split {
      flex-direction: column;
    }
    .side {
      flex: 0 0 50%;
      border-top: 1px solid var(--line);
      border-left: 0;
    }
    input,
    select,
    button {
      min-height: 32px;
    }
  }
`
