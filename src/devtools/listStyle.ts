import { type CSSResult, css } from 'lit'

/** Styles for the rows of a list and for the columns in them. */
export const listStyle: CSSResult = css`
  :host {
    display: block;
    flex: 1;
    min-width: 0;
    min-height: 0;
  }
  .scroll {
    height: 100%;
    overflow: hidden auto;
    overflow-anchor: none;
    outline-offset: -2px;
  }
  .window {
    position: sticky;
    top: 0;
    overflow: hidden;
  }
  .row {
    display: flex;
    align-items: center;
    gap: 10px;
    height: 24px;
    padding: 0 12px;
    white-space: nowrap;
    cursor: default;
    contain: strict;
  }
  .row:hover {
    background: var(--hover);
  }
  .row[aria-selected='true'] {
    background: var(--sea-soft);
  }
  .row.border {
    box-shadow: inset 0 1px var(--line);
  }
  .cut {
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .fill {
    flex: 1;
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .seq {
    flex: 0 0 auto;
    min-width: 7ch;
    color: var(--quiet);
    text-align: right;
  }
  .type {
    flex: 0 0 auto;
    max-width: 24ch;
    overflow: hidden;
    text-overflow: ellipsis;
    font-weight: 600;
  }
  .type::before {
    display: inline-block;
    width: 7px;
    height: 7px;
    margin-right: 7px;
    border-radius: 2px;
    background: var(--hue);
    content: '';
  }
  .h0 {
    --hue: #3d8bd4;
  }
  .h1 {
    --hue: #d9822b;
  }
  .h2 {
    --hue: #3aa676;
  }
  .h3 {
    --hue: #b55dbd;
  }
  .h4 {
    --hue: #c9a227;
  }
  .h5 {
    --hue: #d65a5a;
  }
  .h6 {
    --hue: #4fb3bf;
  }
  .h7 {
    --hue: #8a7cd6;
  }
  @media (max-width: 640px) {
    .row {
      gap: 8px;
    }
    .wide {
      display: none;
    }
  }
`
