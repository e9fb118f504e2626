// A client that comes back where it was, as the guide says; the ids of what it gets, a line each.
const { io } = require("socket.io-client");
const [url, from, transports] = process.argv.slice(1).filter((it) => it !== "--");
let last = Number(from);
const options = { auth: (give) => give({ last_event_id: last }), reconnectionDelayMax: 500, timeout: 5000, transports: transports.split(",") };
const socket = io(url, options);
socket.on("connect", () => console.log(JSON.stringify(["connected", last])));
socket.on("alert", (alert) => {
  last = alert.event_id;
  console.log(JSON.stringify(["id", last]));
});
socket.on("reset", () => console.log(JSON.stringify(["id", "reset"])));
socket.on("disconnect", (reason) => console.log(JSON.stringify(["disconnected", reason])));
socket.on("connect_error", (error) => console.log(JSON.stringify(["refused", error.message])));
