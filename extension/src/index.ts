/** The quantlab extension of JupyterLab. */
import { command } from './command.js';
import { fallback } from './fallback.js';
import { status } from './status.js';

export default [command, status, fallback];
