// SPDX-License-Identifier: Apache-2.0
// Preloaded into the peers: whatever a server is told to listen on, it listens on 127.0.0.1.
const net = require("node:net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (typeof first === "object" && first !== null && "port" in first) {
    return listen.call(this, {...first, host: "127.0.0.1"}, ...rest);
  }
  if (typeof first === "number" || /^\d+$/.test(first)) {
    return listen.call(this, {port: Number(first), host: "127.0.0.1"}, ...rest.filter((each) => typeof each === "function"));
  }
  return listen.call(this, first, ...rest);
};
