# Two queues that the agents see, one they do not; two agents; a customer; the fields that the connector can use.
our @Queues = (
  { Name => 'Support', Description => 'Customer care', CorrespondAddress => 'support@desk.test', CommentAddress => 'support-comment@desk.test' },
  { Name => 'Billing', Description => 'Invoices' },
  { Name => 'Secret', Description => 'Not for the agents' },
);
our @Groups = ( { Domain => 'UserDefined', Name => 'Agents', Description => 'Care agents' } );
our @Users = (
  (map { { Name => $_->[0], RealName => $_->[1], EmailAddress => "$_->[0]\@desk.test", Password => 'agentpass', Privileged => 1 } }
     ['agent1','Ada Agent'], ['agent2','Bo Agent']),
  { Name => 'cust1', RealName => 'Cleo Customer', EmailAddress => 'cleo@example.test', Password => 'custpass', Privileged => 0 },
);
our @CustomFields = (
  { Name => 'Order ID', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket', Queue => [qw(Support)] },
  { Name => 'Tags', Type => 'FreeformMultiple', LookupType => 'RT::Queue-RT::Ticket', Queue => [qw(Support)] },
  { Name => 'Channel', Type => 'SelectSingle', LookupType => 'RT::Queue-RT::Ticket', Queue => [qw(Support)],
    Values => [ { Name => 'email' }, { Name => 'web' }, { Name => 'social' } ] },
  { Name => 'External ID', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket-RT::Transaction', Queue => [qw(Support)] },
);
our @ACL = (
  (map { my $right = $_; map { { GroupDomain => 'UserDefined', GroupType => 'Agents', GroupId => 'Agents', Right => $right, Queue => $_ } } qw(Support Billing) }
    qw(SeeQueue ShowTicket ShowTicketComments ShowOutgoingEmail CreateTicket ReplyToTicket CommentOnTicket ModifyTicket
       OwnTicket TakeTicket StealTicket ReassignTicket SeeCustomField ModifyCustomField SetInitialCustomField Watch WatchAsAdminCc)),
  (map { { GroupDomain => 'UserDefined', GroupType => 'Agents', GroupId => 'Agents', Right => $_ } }
    qw(SeeGroup ModifySelf ManageAuthTokens SeeCustomField ModifyCustomField AdminUsers)),
  (map { { GroupDomain => 'SystemInternal', GroupType => 'Everyone', Right => $_ } } qw(CreateTicket ReplyToTicket)),
  (map { { GroupDomain => 'RT::System-Role', GroupType => 'Requestor', Right => $_ } } qw(ShowTicket)),
);
our @Final = ( sub {
  my $agents = RT::Group->new(RT->SystemUser); $agents->LoadUserDefinedGroup('Agents');
  open my $out, '>', "$ENV{RT_SEED_OUT}" or die $!;
  for my $name (qw(agent1 agent2 root)) {
    my $user = RT::User->new(RT->SystemUser); $user->Load($name);
    $agents->AddMember($user->Id) unless $name eq 'root';
    my $token = RT::AuthToken->new(RT->SystemUser);
    my (undef, undef, $secret) = $token->Create(Owner => $user->Id, Description => 'agentdesk tests');
    print $out "$name $secret\n";
  }
} );
