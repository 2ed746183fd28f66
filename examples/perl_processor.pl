#!/usr/bin/perl
# A processor that is not Python, with nothing but what every Debian's perl-base has.
#
# It serves HTTP on the listening socket that it inherits, and reads its section of the configuration on standard input:
#     perl perl_processor.pl --guid GUID --fd N < SECTION
# "GET /" answers with the option "greeting", "GET /healthz" as every processor does. SIGTERM ends it once the request
# that it has is answered; who connects meanwhile waits for the process that takes the socket over.

use strict;
use warnings;
use Getopt::Long qw(GetOptions);
use IO::Select;
use IO::Socket;

use constant { LARGEST => 16 * 1024, PATIENCE => 5 };    # bytes of a request's head, seconds for all of it

my ($guid, $fd);
GetOptions("guid=s" => \$guid, "fd=i" => \$fd) && defined $guid && defined $fd
    or die "usage: perl_processor.pl --guid GUID --fd N\n";
my %option = read_section($guid, <STDIN>);
my $listening = IO::Socket->new_from_fd($fd, "r+") or die "--fd $fd: $!\n";

my $stopping = 0;
$SIG{TERM} = sub { $stopping = 1 };
$SIG{PIPE} = "IGNORE";

print STDERR "Serving on the inherited socket $fd\n";
my $select = IO::Select->new($listening);
until ($stopping) {
    # It does not block: another process may have taken the connection.
    next unless $select->can_read(1) and accept(my $client, $listening);
    my $head = read_head($client);
    syswrite $client, answer($head) if defined $head;
    close $client;
}

# The options of one section of the format of Python's configparser, as it is written for standard input: a line each,
# those of a longer value indented; "$" is doubled, and "${_:empty}" keeps the white space around a value.
sub read_section {
    my ($wanted, @lines) = @_;
    my ($section, $name, %found) = ("");
    for my $line (@lines) {
        chomp $line;
        $line =~ s/\$(\$|\{_:empty\})/$1 eq "\$" ? "\$" : "\0"/ge;
        if    ($line =~ /^\[(.*)\]$/)    { ($section, $name) = ($1, undef) }
        elsif ($section ne $wanted)      { next }
        elsif ($line =~ /^\s+(.*)$/)     { $found{$name} .= "\n$1" if defined $name }
        elsif ($line =~ /^(\S+) =\s*(.*)$/) { $found{ $name = $1 } = $2 }
    }
    tr/\0//d for values %found;
    return %found;
}

# All of a request before its body; nothing where it does not come, or is too long.
sub read_head {
    my ($client) = @_;
    my ($head, $until) = ("", time + PATIENCE);
    my $readable = IO::Select->new($client);
    while ($head !~ /\r?\n\r?\n/) {
        return if length $head > LARGEST or time >= $until;
        next unless $readable->can_read(1);
        sysread($client, $head, 4096, length $head) or return;
    }
    return $head;
}

sub answer {
    my ($head) = @_;
    my ($method, $path) = $head =~ m{^([A-Z]+) (/[^ ?]*)\S* HTTP/1\.[01]\r?\n} or return response("400 Bad Request");
    return response("404 Not Found") unless $path eq "/" or $path eq "/healthz";
    return response("405 Method Not Allowed", undef, undef, "Allow: GET\r\n") unless $method eq "GET";
    return response("200 OK", "text/plain; charset=utf-8", ($option{greeting} // "Hello") . "\n") if $path eq "/";
    my $state = sprintf '{"status": "ok", "guid": "%s", "revision": %d}', $guid, $option{revision} // 0;
    return response("200 OK", "application/json", "$state\n");
}

sub response {
    my ($status, $type, $body, $more) = @_;
    $body //= "$status\n";
    return join "",
        "HTTP/1.1 $status\r\n", "Content-Type: ", $type // "text/plain", "\r\n",
        "Content-Length: ", length $body, "\r\n", $more // "", "Connection: close\r\n\r\n", $body;
}
