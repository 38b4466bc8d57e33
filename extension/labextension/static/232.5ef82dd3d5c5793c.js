"use strict";(self.rspackChunkquantlab=self.rspackChunkquantlab||[]).push([[232],{475(t,e,o){var r=o(601),a=o.n(r),n=o(314),l=(o.n(n))()(a());l.push([t.id,`.ql-Status {
  --ql-color: var(--jp-ui-font-color2);
}

.ql-Status[data-look='good'] {
  --ql-color: var(--jp-success-color1);
}

.ql-Status[data-look='waiting'] {
  --ql-color: var(--jp-info-color1);
}

.ql-Status[data-look='warning'],
.ql-Status[data-look='stale'] {
  --ql-color: var(--jp-warn-color1);
}

.ql-Status[data-look='bad'],
.ql-Status[data-look='halted'] {
  --ql-color: var(--jp-error-color1);
}

.ql-Status-button {
  height: 100%;
  padding: 0 6px;
  border: 0;
  border-bottom: 2px solid var(--ql-color);
  background: transparent;
  color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  font-variant-numeric: tabular-nums;
  line-height: 1;
  cursor: pointer;
}

.ql-Status[data-look='bad'] .ql-Status-button,
.ql-Status[data-look='halted'] .ql-Status-button,
.ql-Status[data-look='stale'] .ql-Status-button {
  font-weight: 600;
}

.ql-Status-button:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

.ql-Status-glyph {
  display: inline-block;
  width: 1.4em;
  color: var(--ql-color);
  text-align: center;
}

/* Heard, not seen. */
.ql-Status-announcer {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

.ql-Details p {
  margin: 0 0 4px;
  overflow-wrap: anywhere;
}

.ql-Saved > p {
  margin: 0;
  padding: 4px 8px;
  border-left: 3px solid var(--jp-warn-color1);
  color: var(--jp-content-font-color1);
  font-weight: 600;
}
`,""]),o.d(e,{},{A:l})},314(t){t.exports=function(t){var e=[];return e.toString=function(){return this.map(function(e){var o="",r=void 0!==e[5];return e[4]&&(o+="@supports (".concat(e[4],") {")),e[2]&&(o+="@media ".concat(e[2]," {")),r&&(o+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),o+=t(e),r&&(o+="}"),e[2]&&(o+="}"),e[4]&&(o+="}"),o}).join("")},e.i=function(t,o,r,a,n){"string"==typeof t&&(t=[[null,t,void 0]]);var l={};if(r)for(var i=0;i<this.length;i++){var s=this[i][0];null!=s&&(l[s]=!0)}for(var c=0;c<t.length;c++){var u=[].concat(t[c]);r&&l[u[0]]||(void 0!==n&&(void 0===u[5]||(u[1]="@layer".concat(u[5].length>0?" ".concat(u[5]):""," {").concat(u[1],"}")),u[5]=n),o&&(u[2]&&(u[1]="@media ".concat(u[2]," {").concat(u[1],"}")),u[2]=o),a&&(u[4]?(u[1]="@supports (".concat(u[4],") {").concat(u[1],"}"),u[4]=a):u[4]="".concat(a)),e.push(u))}},e}},601(t){t.exports=function(t){return t[1]}},72(t){var e=[];function o(t){for(var o=-1,r=0;r<e.length;r++)if(e[r].identifier===t){o=r;break}return o}function r(t,r){for(var a={},n=[],l=0;l<t.length;l++){var i=t[l],s=r.base?i[0]+r.base:i[0],c=a[s]||0,u="".concat(s," ").concat(c);a[s]=c+1;var p=o(u),d={css:i[1],media:i[2],sourceMap:i[3],supports:i[4],layer:i[5]};if(-1!==p)e[p].references++,e[p].updater(d);else{var f=function(t,e){var o=e.domAPI(e);return o.update(t),function(e){e?(e.css!==t.css||e.media!==t.media||e.sourceMap!==t.sourceMap||e.supports!==t.supports||e.layer!==t.layer)&&o.update(t=e):o.remove()}}(d,r);r.byIndex=l,e.splice(l,0,{identifier:u,updater:f,references:1})}n.push(u)}return n}t.exports=function(t,a){var n=r(t=t||[],a=a||{});return function(t){t=t||[];for(var l=0;l<n.length;l++){var i=o(n[l]);e[i].references--}for(var s=r(t,a),c=0;c<n.length;c++){var u=o(n[c]);0===e[u].references&&(e[u].updater(),e.splice(u,1))}n=s}}},659(t){var e={};t.exports=function(t,o){var r=function(t){if(void 0===e[t]){var o=document.querySelector(t);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(t){o=null}e[t]=o}return e[t]}(t);if(!r)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");r.appendChild(o)}},540(t){t.exports=function(t){var e=document.createElement("style");return t.setAttributes(e,t.attributes),t.insert(e,t.options),e}},56(t,e,o){t.exports=function(t){var e=o.nc;e&&t.setAttribute("nonce",e)}},825(t){t.exports=function(t){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=t.insertStyleElement(t);return{update:function(o){var r,a,n;r="",o.supports&&(r+="@supports (".concat(o.supports,") {")),o.media&&(r+="@media ".concat(o.media," {")),(a=void 0!==o.layer)&&(r+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),r+=o.css,a&&(r+="}"),o.media&&(r+="}"),o.supports&&(r+="}"),(n=o.sourceMap)&&"u">typeof btoa&&(r+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(n))))," */")),t.styleTagTransform(r,e,t.options)},remove:function(){var t;null===(t=e).parentNode||t.parentNode.removeChild(t)}}}},113(t){t.exports=function(t,e){if(e.styleSheet)e.styleSheet.cssText=t;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(t))}}},579(t,e,o){var r=o(72),a=o.n(r),n=o(825),l=o.n(n),i=o(659),s=o.n(i),c=o(56),u=o.n(c),p=o(540),d=o.n(p),f=o(113),v=o.n(f),h=o(475),m={};m.styleTagTransform=v(),m.setAttributes=u(),m.insert=s().bind(null,"head"),m.domAPI=l(),m.insertStyleElement=d(),a()(h.A,m),h.A&&h.A.locals&&h.A.locals}}]);