//! The command line: one file per command, and what they share.

mod apply;
mod bindings;
mod client;
mod config;
mod controller;
mod delete;
mod drain;
mod drops;
mod events;
mod flows;
mod get;
mod leases;
mod links;
mod listeners;
mod names;
mod output;
mod table;
mod time;
mod trace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tonic::Status;

use client::Client;
use names::Name;

/// An IPv6-first SDN controller for Open vSwitch, and the tool to talk to it.
#[derive(Debug, Parser)]
#[command(name = "sextant", version, max_term_width = 100)]
struct Cli {
    /// Where the controller's gRPC is.
    #[arg(long, global = true, env = "SEXTANT_SERVER", default_value = "http://[::1]:6650", value_name = "URL")]
    server: String,
    /// The tenant of names and documents that name none; lists show only this one.
    #[arg(long, global = true, value_name = "TENANT")]
    tenant: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the controller.
    Controller(controller::Args),
    /// Make documents true: create and update what they list.
    Apply(apply::Args),
    /// Show resources of a kind, with their status.
    Get(get::Args),
    /// Delete a resource.
    Delete(delete::Args),
    /// Have a chassis give up being a gateway, without loss.
    Drain(drain::Args),
    /// Show the flows that the controller wants, and with --why who wants them.
    Flows(flows::Args),
    /// Show what becomes of a packet, row by row, without sending it.
    Trace(trace::Args),
    /// Show what happened.
    Events(events::Args),
}

/// What all commands but `controller` know.
struct Context {
    server: String,
    tenant: Option<String>,
}

impl Context {
    async fn client(&self) -> Result<Client, Failure> {
        Client::connect(&self.server).await
    }

    /// The tenant that a name means.
    fn tenant_of(&self, name: &Name) -> String {
        name.tenant.clone().or_else(|| self.tenant.clone()).unwrap_or_else(|| names::TENANT_DEFAULT.to_owned())
    }
}

/// Why a command ends without having done its work.
#[derive(Debug)]
enum Failure {
    /// Refused or failed, for these reasons: exit status 1.
    Refused(Vec<String>),
    /// Wrong usage that only shows after the arguments were read: exit status 2.
    Usage(String),
    /// Whoever reads our output has gone: nothing to say any more.
    Unread,
}

impl Failure {
    fn new(reason: impl Into<String>) -> Failure {
        Failure::Refused(vec![reason.into()])
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        Failure::Refused(client::reasons(&status).into_iter().map(|violation| names::reason(&violation)).collect())
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let Cli { server, tenant, command } = Cli::parse();
    let context = Context { server, tenant };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return ended(Err(Failure::new(format!("cannot start: {error}")))),
    };
    let result = runtime.block_on(async {
        match command {
            Command::Controller(args) => controller::run(args).await,
            Command::Apply(args) => apply::run(args, &context).await,
            Command::Get(args) => get::run(args, &context).await,
            Command::Delete(args) => delete::run(args, &context).await,
            Command::Drain(args) => drain::run(args, &context).await,
            Command::Flows(args) => flows::run(args, &context).await,
            Command::Trace(args) => trace::run(args, &context).await,
            Command::Events(args) => events::run(args, &context).await,
        }
    });
    ended(result)
}

fn ended(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) | Err(Failure::Unread) => ExitCode::SUCCESS,
        Err(Failure::Refused(reasons)) => {
            output::complain(&reasons);
            ExitCode::from(1)
        }
        Err(Failure::Usage(reason)) => {
            output::complain(&[format!("error: {reason}")]);
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_the_contract_promises_is_understood() {
        for line in [
            "sextant controller --config f --data-dir d --openflow-listen [::1]:6653 --openflow-listen unix:/x --openflow-connect \
             unix:/y --dns-forwarder 2001:db8::53 --grpc-listen 127.0.0.1:1 --http-listen [::1]:2 --insecure",
            "sextant apply -f a.yaml -f b -f - --dry-run --prune",
            "sextant apply -f a --wait 10s",
            "sextant get ports",
            "sextant get port acme/vm1 -o wide",
            "sextant get chassis hv1 -o json",
            "sextant get fabric -o yaml --watch",
            "sextant --tenant acme get networks",
            "sextant get bindings --port acme/vm1 -o json",
            "sextant get bindings --address 2001:db8::5 --at 2026-11-24T22:10:00Z",
            "sextant get bindings --history --watch",
            "sextant get leases --port acme/vm1 -o json",
            "sextant get links -o wide",
            "sextant get links s1",
            "sextant get routers --tenant acme --server http://[::1]:1",
            "sextant delete port vm1",
            "sextant drain chassis hv1",
            "sextant drain chassis hv1 --undo",
            "sextant flows --chassis hv1 --port acme/vm1 --why",
            "sextant events --watch -o json",
        ] {
            if let Err(error) = parse(line) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn wrong_usage_is_said() {
        for (line, words) in [
            ("sextant get pigeons", "there is no kind \"pigeons\""),
            ("sextant get port a/b/c", "[TENANT/]NAME"),
            ("sextant get port /b", "[TENANT/]NAME"),
            ("sextant apply", "--file"),
            ("sextant apply -f a --wait 10", "10s"),
            ("sextant apply -f a --wait 10s --dry-run", "cannot be used with"),
            ("sextant get ports -o xml", "table"),
            ("sextant delete port", "NAME"),
            ("sextant drain port vm1", "chassis"),
            ("sextant trace --port vm1", "PACKET"),
            ("sextant trace icmp6", "--port"),
            ("sextant controller --openflow-listen 6653", "HOST:PORT"),
            ("sextant controller --openflow-connect /x", "unix:PATH"),
            ("sextant controller --dns-forwarder x.example", "is no resolver"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(words), "{line}: {error}");
        }
    }
}
