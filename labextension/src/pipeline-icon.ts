/** The picture of the side panel's tab. */
export default `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <circle cx="6" cy="5" r="3"/><circle cx="6" cy="19" r="3"/><circle cx="18" cy="12" r="3"/>
    <path d="M5 7h2v10H5z"/><path d="M7 6.3c4 .3 7 1.7 8.7 3.9l-1.4 1.2C12.9 9.5 10.5 8.5 7 8.3z"/>
    <path d="M7 17.7c4-.3 7-1.7 8.7-3.9l-1.4-1.2C12.900 14.500 10.500 15.500 7 15.700z"/>
  </g>
</svg>`;
