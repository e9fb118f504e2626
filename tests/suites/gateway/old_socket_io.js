// The pilgrims' app, as it is; what it gets, a line each.
const { io } = require("socket.io-client");
const [url, transports] = process.argv.slice(1).filter((it) => it !== "--");
const say = (...words) => console.log(JSON.stringify(words));

const socket = transports ? io(url, { transports: transports.split(",") }) : io(url);
socket.on("connect", () => {
  socket.emit("subscribe", { channel: "crowd", temple_id: "somnath" });
  socket.emit("subscribe", { channel: "transport", temple_id: "somnath" }, () => say("subscribed", socket.io.engine.transport.name));
});
socket.on("crowd_update", (data) => say("crowd_update", data));
socket.on("transport_update", (data) => say("transport_update", data));
socket.on("emergency", (data) => say("emergency", data));
socket.on("alert", (data) => say("alert", data));
socket.io.engine.on("upgrade", (transport) => say("upgrade", transport.name));
