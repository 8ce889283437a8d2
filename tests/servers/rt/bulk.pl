# Adds many tickets without scrips and mails.
use strict; use warnings; use lib '/usr/share/request-tracker5/lib';
use RT; RT::LoadConfig(); RT::Init(); use MIME::Entity;
{ no warnings 'redefine'; *RT::Scrips::Prepare = sub { }; *RT::Scrips::Commit = sub { }; }
$RT::Handle->dbh->do('PRAGMA synchronous=OFF');
my ($count, @status) = (shift, qw(new open open new));
my $mime = sub { MIME::Entity->build(Type => 'text/plain', Charset => 'UTF-8', Subject => $_[0], Data => [$_[1]]) };
for my $i (1 .. $count) {
  my $ticket = RT::Ticket->new(RT->SystemUser);
  my ($id, undef, $message) = $ticket->Create(Queue => 'Support', Subject => "Bulk question $i",
    Requestor => ['c' . ($i % 50) . '@example.test'], Status => $status[$i % 4],
    MIMEObj => $mime->("Bulk question $i", "Where is order A-$i?\n"));
  $id or die $message;
  $ticket->Correspond(MIMEObj => $mime->("Re: $i", "More about A-$i\n")) unless $i % 3;
}
print "$count tickets added\n";
